//! `account`: create, remove, list, set passwords, one at a time or many.

use super::service_config;
use crate::Failed;
use crate::account::credentials::{verifiers, verifiers_of_all};
use crate::account::csv::{self, Line, User};
use crate::account::{account_jid, password};
use crate::admin::door::Door;
use crate::admin::protocol::{Answer, Request};
use crate::cli::{AccountCommand, ServiceArgs};
use crate::config::Config;
use crate::terminal::{Progress, answer, answer_line, remark};
use anyhow::{Context, Result, bail};
use std::io::BufReader;
use std::path::Path;
use xmpp::jid::BareJid;

/// Users of a file that are hashed and asked for together.
const BULK: usize = 512;

/// Does what was typed.
pub(crate) fn run(command: &AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Add { jid: Some(jid), password_stdin, service, .. } => {
            let (config, jid) = account(service, jid)?;
            let password = password::new_password(jid.as_str(), *password_stdin)?;
            let credentials = verifiers(&password, config.registration.scram_iterations)?;
            change(&config, Request::AccountAdd { jid: jid.to_string(), credentials })?;
            Ok(answer_line(&format!("{jid} is created"))?)
        }
        AccountCommand::Add { file: Some(file), service, .. } => {
            add_all(&service_config(service)?, file)
        }
        AccountCommand::Add { .. } => bail!("name an account, or a file with --file"),
        AccountCommand::Remove { jid, service } => {
            let (config, jid) = account(service, jid)?;
            change(&config, Request::AccountRemove { jid: jid.to_string() })?;
            Ok(answer_line(&format!("{jid} is removed"))?)
        }
        AccountCommand::Passwd { jid, password_stdin, service } => {
            let (config, jid) = account(service, jid)?;
            let password = password::new_password(jid.as_str(), *password_stdin)?;
            let credentials = verifiers(&password, config.registration.scram_iterations)?;
            change(&config, Request::AccountPasswd { jid: jid.to_string(), credentials })?;
            Ok(answer_line(&format!("{jid} has a new password; its sessions are ended"))?)
        }
        AccountCommand::List { json, service } => list(&service_config(service)?, *json),
    }
}

/// The configuration, and an address that is served by it.
fn account(service: &ServiceArgs, jid: &str) -> Result<(Config, BareJid)> {
    let jid = account_jid(jid)?;
    let config = service_config(service)?;
    served(&config, &jid).map_err(anyhow::Error::msg)?;
    Ok((config, jid))
}

fn served(config: &Config, jid: &BareJid) -> Result<(), String> {
    if config.domains.iter().any(|domain| domain == jid.domain()) {
        return Ok(());
    }
    Err(format!(
        "{jid}: {} is not served here; served: {}",
        jid.domain(),
        config.domains.join(", ")
    ))
}

fn change(config: &Config, request: Request) -> Result<()> {
    let mut door = Door::open(config)?;
    let answers = door.ask(&[request])?;
    door.close()?;
    match answers.into_iter().next() {
        Some(Answer::Done) => Ok(()),
        Some(Answer::Refused { why }) => bail!("{why}"),
        other => bail!("the service answered something else: {other:?}"),
    }
}

fn add_all(config: &Config, file: &Path) -> Result<()> {
    let name = file.display();
    let input = std::fs::File::open(file).with_context(|| format!("cannot read {name}"))?;
    let lines = csv::read(BufReader::new(input)).with_context(|| format!("cannot read {name}"))?;
    let mut door = Door::open(config)?;
    let mut progress = Progress::new("accounts", lines.len());
    let mut refusals = Vec::new();
    let mut done = 0;
    for bulk in lines.chunks(BULK) {
        refusals.extend(add_bulk(config, &mut door, bulk)?);
        done += bulk.len();
        progress.reach(done);
    }
    progress.end();
    door.close()?;
    for (number, why) in &refusals {
        remark(&format!("{name}:{number}: {why}"));
    }
    answer_line(&format!(
        "{} accounts created, {} lines refused",
        lines.len() - refusals.len(),
        refusals.len()
    ))?;
    if refusals.is_empty() { Ok(()) } else { Err(Failed.into()) }
}

/// Adds the users of these lines; gives number and reason of those that were refused.
fn add_bulk(config: &Config, door: &mut Door, lines: &[Line]) -> Result<Vec<(usize, String)>> {
    let mut refusals = Vec::new();
    let mut users: Vec<(usize, &User)> = Vec::new();
    for line in lines {
        match line.user.as_ref().map(|user| served(config, &user.jid).map(|()| user)) {
            Ok(Ok(user)) => users.push((line.number, user)),
            Ok(Err(why)) => refusals.push((line.number, why)),
            Err(why) => refusals.push((line.number, why.clone())),
        }
    }
    let hashed: Vec<&User> = users.iter().map(|(_, user)| *user).collect();
    let hashed = verifiers_of_all(&hashed, config.registration.scram_iterations);
    let mut asked = Vec::new();
    let mut requests = Vec::new();
    for ((number, user), credentials) in users.into_iter().zip(hashed) {
        match credentials {
            Ok(credentials) => {
                asked.push(number);
                requests.push(Request::AccountAdd { jid: user.jid.to_string(), credentials });
            }
            Err(why) => refusals.push((number, why.to_string())),
        }
    }
    for (number, answer) in asked.into_iter().zip(door.ask(&requests)?) {
        if let Answer::Refused { why } = answer {
            refusals.push((number, why));
        }
    }
    refusals.sort_by_key(|(number, _)| *number);
    Ok(refusals)
}

fn list(config: &Config, json: bool) -> Result<()> {
    let mut door = Door::open(config)?;
    let mut after = String::new();
    let mut all = Vec::new();
    loop {
        let page = door.ask(&[Request::AccountList { after: after.clone() }])?.into_iter().next();
        let jids = match page {
            Some(Answer::Accounts { jids }) => jids,
            Some(Answer::Refused { why }) => bail!("{why}"),
            other => bail!("the service answered something else: {other:?}"),
        };
        let Some(last) = jids.last() else { break };
        after.clone_from(last);
        if json {
            all.extend(jids);
        } else {
            answer(&jids.iter().map(|jid| format!("{jid}\n")).collect::<String>())?;
        }
    }
    door.close()?;
    if json {
        answer_line(&serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}
