//! `backup` and `restore`: everything the service keeps, in one file.

use super::service_config;
use crate::admin::door::{Door, Socket};
use crate::admin::protocol::{Answer, Request};
use crate::cli::{BackupArgs, RestoreArgs};
use crate::config::Config;
use crate::serve::make_private_folder;
use crate::serve::store::{self, Restored};
use crate::terminal::answer_line;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time a service gets to start anew with a backup.
const RESTART_DEADLINE: Duration = Duration::from_secs(60);
/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Writes a backup, while the service runs or not.
pub(crate) fn backup(args: &BackupArgs) -> Result<()> {
    let config = service_config(&args.service)?;
    let file = std::path::absolute(&args.file)?;
    if file.exists() {
        bail!("{} exists already; name a file that does not", file.display());
    }
    let mut door = Door::open(&config)?;
    let answer = door.ask(&[Request::Backup { file: file.clone() }])?.into_iter().next();
    door.close()?;
    match answer {
        Some(Answer::BackedUp { accounts, stanzas }) => {
            let what = format!("{accounts} accounts, {stanzas} stanzas");
            Ok(answer_line(&format!("{} is written and checked: {what}", file.display()))?)
        }
        Some(Answer::Refused { why }) => bail!("{why}"),
        other => bail!("the service answered something else: {other:?}"),
    }
}

/// Puts a backup in place of what is kept, which is kept beside it. A running service starts anew with it.
pub(crate) fn restore(args: &RestoreArgs) -> Result<()> {
    let config = service_config(&args.service)?;
    let file = std::path::absolute(&args.file)?;
    match Door::knock(&config)? {
        Some(mut socket) => restore_running(&config, &mut socket, file),
        None => {
            make_private_folder(&config.runtime_dir)?;
            store::check_owner(&config.runtime_dir)?;
            let restored = Restored::prepare(&config.runtime_dir, &file)?;
            store::check_unused(&config.runtime_dir)?;
            let kept = restored.put_in_place()?;
            let (accounts, stanzas) = (restored.found.accounts, restored.found.stanzas);
            answer_line(&format!("restored: {accounts} accounts, {stanzas} stanzas"))?;
            if let Some(kept) = kept {
                answer_line(&format!("what was there before is kept in {}", kept.display()))?;
            }
            Ok(())
        }
    }
}

fn restore_running(config: &Config, socket: &mut Socket, file: PathBuf) -> Result<()> {
    match socket.ask(&[Request::Restore { file }])?.into_iter().next() {
        Some(Answer::Restoring { accounts, stanzas }) => {
            let until = Instant::now() + RESTART_DEADLINE;
            while !is_anew(config, socket)? {
                if Instant::now() > until {
                    bail!(
                        "the backup is in place, but the service has not come back; its log says \
                            why"
                    );
                }
                std::thread::sleep(LOOK_INTERVAL);
            }
            answer_line(&format!(
                "restored: {accounts} accounts, {stanzas} stanzas; the service runs with them"
            ))?;
            Ok(answer_line(&format!(
                "what was there before is kept in {}",
                config.runtime_dir.display()
            ))?)
        }
        Some(Answer::Refused { why }) => bail!("{why}"),
        other => bail!("the service answered something else: {other:?}"),
    }
}

/// Whether the instance that was asked has ended and another one answers.
fn is_anew(config: &Config, old: &mut Socket) -> Result<bool> {
    if matches!(old.ask(&[Request::Ping]).as_deref(), Ok([Answer::Done])) {
        return Ok(false);
    }
    match Door::knock(config)? {
        Some(mut socket) => {
            Ok(matches!(socket.ask(&[Request::Ping]).as_deref(), Ok([Answer::Done])))
        }
        None => Ok(false),
    }
}
