//! A dozen faults under load: nothing acknowledged is lost, nothing comes twice, nobody is seen going away.

use testkit::loss::{self, Fault, Options};
use testkit::server::{Kind, Server, Setup};
use testkit::transport::Security;

fn check(options: &Options) -> anyhow::Result<()> {
    let accounts = loss::accounts(options.pairs);
    let mut server = Server::start(&Setup::new(Kind::Steadfast, accounts))?;
    let report = loss::run(&mut server, options)?;
    let broken = report.broken_promises();
    assert!(
        broken.is_empty(),
        "{}\n{report}\n--- server ---\n{}",
        broken.join("\n"),
        server.log_tail()
    );
    Ok(())
}

#[test]
fn nothing_acknowledged_is_lost_in_a_dozen_kills() -> anyhow::Result<()> {
    check(&Options { trials: 12, pairs: 4, fault: Fault::Kill, ..Options::default() })
}

#[test]
fn an_orderly_end_loses_no_more_than_a_kill_and_tls_changes_nothing() -> anyhow::Result<()> {
    check(&Options {
        trials: 6,
        pairs: 2,
        fault: Fault::Alternating,
        security: Security::DirectTls,
        seed: 2,
    })
}
