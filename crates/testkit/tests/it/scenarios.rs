//! Every text scenario against a real process, over STARTTLS.

use testkit::scenario::{self, Outcome, Runner};
use testkit::server::{Kind, Server, Setup};
use testkit::transport::Security;

#[test]
fn every_scenario_passes_against_a_real_process() {
    let all = scenario::load(&scenario::own_directory()).unwrap();
    let server = Server::start(&Setup::new(Kind::Steadfast, scenario::accounts(&all))).unwrap();
    let runner = Runner::new(server.endpoint(Security::StartTls), Kind::Steadfast);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut failed = Vec::new();
    for scenario in &all {
        match runtime.block_on(runner.run(scenario)) {
            Outcome::Passed => {}
            Outcome::Deviated(why) => {
                failed.push(format!("{}: we do not deviate: {why}", scenario.name))
            }
            Outcome::Failed(error) => failed.push(format!("{error:#}")),
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} scenarios failed:\n{}\n--- server ---\n{}",
        failed.len(),
        all.len(),
        failed.join("\n"),
        server.log_tail()
    );
}
