//! Requests of administrators, as the core and the store understand them.

use crate::admin::protocol::{Answer, PAGE_MAX, Request};
use crate::admin::socket::Administered;
use crate::serve::store::Restored;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use im::{AdminReply, AdminRequest};
use im_server::ServerHandle;
use im_store_sqlite::Backups;
use std::path::PathBuf;
use tokio::sync::mpsc;
use xmpp::credentials::Credentials;
use xmpp::jid::BareJid;

const ENDS: &str = "the service ends; ask again when it is back";

/// An instance that can be asked.
pub(crate) struct Instance {
    /// The server.
    pub(crate) server: ServerHandle,
    /// Copies of its store.
    pub(crate) backups: Backups,
    /// Where it lies.
    pub(crate) runtime_dir: PathBuf,
    /// Takes a backup that is to replace the store. The service ends its instance, puts it in place and starts anew.
    pub(crate) replace: mpsc::Sender<Restored>,
}

impl Administered for Instance {
    async fn answer(&self, request: Request) -> Answer {
        let result = match request {
            Request::Backup { file } => self.backup(file).await,
            Request::Restore { file } => self.restore(file).await,
            other => match to_core(other) {
                Ok(request) => self.ask(request).await,
                Err(why) => Err(why),
            },
        };
        result.unwrap_or_else(|why| Answer::Refused { why })
    }
}

impl Instance {
    async fn ask(&self, request: AdminRequest) -> Result<Answer, String> {
        match self.server.admin(request).await {
            Ok(AdminReply::Done) => Ok(Answer::Done),
            Ok(AdminReply::Accounts(jids)) => {
                Ok(Answer::Accounts { jids: jids.iter().map(ToString::to_string).collect() })
            }
            Ok(other) => Err(format!("the core answered something else: {other:?}")),
            Err(refused) => Err(refused.to_string()),
        }
    }

    async fn backup(&self, file: PathBuf) -> Result<Answer, String> {
        let backups = self.backups.clone();
        let written = tokio::task::spawn_blocking(move || backups.backup(&file, &mut |_| {}));
        match written.await {
            Ok(Ok(found)) => {
                Ok(Answer::BackedUp { accounts: found.accounts, stanzas: found.stanzas })
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(ENDS.to_owned()),
        }
    }

    async fn restore(&self, file: PathBuf) -> Result<Answer, String> {
        let runtime_dir = self.runtime_dir.clone();
        // Held while unpacking, so that two restores cannot meet.
        let place =
            self.replace.try_reserve().map_err(|_| "another restore is under way".to_owned())?;
        let unpacked = tokio::task::spawn_blocking(move || Restored::prepare(&runtime_dir, &file));
        match unpacked.await {
            Ok(Ok(restored)) => {
                let found = restored.found;
                place.send(restored);
                Ok(Answer::Restoring { accounts: found.accounts, stanzas: found.stanzas })
            }
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(_) => Err(ENDS.to_owned()),
        }
    }
}

fn to_core(request: Request) -> Result<AdminRequest, String> {
    Ok(match request {
        Request::Ping | Request::Backup { .. } | Request::Restore { .. } => AdminRequest::Ping,
        Request::AccountAdd { jid, credentials } => {
            AdminRequest::AccountAdd { jid: parse(&jid)?, credentials: verifiers(&credentials)? }
        }
        Request::AccountRemove { jid } => AdminRequest::AccountRemove { jid: parse(&jid)? },
        Request::AccountPasswd { jid, credentials } => AdminRequest::AccountPassword {
            jid: parse(&jid)?,
            credentials: verifiers(&credentials)?,
        },
        Request::AccountList { after } => AdminRequest::AccountList { after, max: PAGE_MAX },
    })
}

fn parse(jid: &str) -> Result<BareJid, String> {
    crate::account::account_jid(jid).map_err(|error| error.to_string())
}

/// What the core is going to store must be verifiers, whoever sent them.
fn verifiers(text: &str) -> Result<Bytes, String> {
    let bytes = STANDARD.decode(text).map_err(|_| "the verifiers are not base64".to_owned())?;
    Credentials::decode(&bytes).map_err(|error| error.to_string())?;
    Ok(bytes.into())
}
