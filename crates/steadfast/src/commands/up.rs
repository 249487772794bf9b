//! `up`: a whole service from an empty folder, without root or configuration.

use super::serve::serve_with;
use super::{checked, layers};
use crate::account::credentials::verifiers;
use crate::admin::door::Socket;
use crate::admin::protocol::{Answer, Request};
use crate::admin::socket::Administered;
use crate::cli::{ConfigArgs, UpArgs};
use crate::serve::{Service, make_private_folder};
use crate::terminal::{answer, remark};
use crate::up::screen::{Screen, program};
use crate::up::{CONFIG_FILE, DOMAIN, accounts, config_file};
use anyhow::{Context, Result, bail};
use std::path::Path;
use xmpp::jid::BareJid;

/// Ports without `--port-base`: STARTTLS, direct TLS, metrics.
const PORTS: [u16; 3] = [5222, 5223, 9580];

/// Makes what is not there, starts, and shows the first screen.
pub(crate) fn run(args: &UpArgs) -> Result<()> {
    let data = std::path::absolute(&args.data)?;
    make_private_folder(&data)?;
    let ports = args.port_base.map_or(PORTS, |base| [base, base + 1, base + 2]);
    if Socket::connect(&data)?.is_some() {
        bail!("a service runs on {} already; Ctrl-C in its terminal ends it", data.display());
    }
    let file = data.join(CONFIG_FILE);
    std::fs::write(&file, config_file(&data, ports))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let layers =
        layers(&ConfigArgs { config: Some(file), log: args.log.clone(), set: Vec::new() })?;
    let config = checked(&layers)?;
    let users = accounts::read_or_make(&data, DOMAIN)?;
    let data_option = data_option(&args.data);
    serve_with(&config, &layers, async |service: &Service| {
        add_missing(service, &users, config.registration.scram_iterations).await;
        let screen = Screen {
            accounts: &users,
            ports,
            fingerprint: &service.fingerprint(),
            data: &data,
            program: program(),
            data_option,
        };
        Ok(answer(&screen.text())?)
    })
}

fn data_option(data: &Path) -> String {
    if data == super::UP_FOLDER { String::new() } else { format!(" --data {}", data.display()) }
}

/// Creates the accounts of the file that do not exist.
async fn add_missing(service: &Service, users: &[(BareJid, String)], iterations: u64) {
    for (jid, password) in users {
        let credentials = match verifiers(password, iterations) {
            Ok(credentials) => credentials,
            Err(error) => {
                remark(&format!("{jid} of accounts.txt: {error}"));
                continue;
            }
        };
        let request = Request::AccountAdd { jid: jid.to_string(), credentials };
        match service.instance().answer(request).await {
            Answer::Refused { why } if !why.contains("exists already") => remark(&why),
            _ => {}
        }
    }
}
