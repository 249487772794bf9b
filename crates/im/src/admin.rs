//! What administrators ask, whether by the command line or later by other ways.

use bytes::Bytes;
use xmpp::jid::{BareJid, Jid};

/// A request.
#[derive(Clone, Debug)]
pub enum AdminRequest {
    /// Create an account.
    AccountAdd {
        /// Its address.
        jid: BareJid,
        /// `xmpp::credentials::Credentials`, encoded.
        credentials: Bytes,
    },
    /// Remove an account, ending its sessions.
    AccountRemove {
        /// Its address.
        jid: BareJid,
    },
    /// Replace an account's credentials, ending its sessions.
    AccountPassword {
        /// Its address.
        jid: BareJid,
        /// `xmpp::credentials::Credentials`, encoded.
        credentials: Bytes,
    },
    /// A page of addresses in order.
    AccountList {
        /// Exclusive lower bound, `""` for the start.
        after: String,
        /// At most this many.
        max: usize,
    },
    /// The sessions of now.
    SessionList,
    /// Whether the core answers.
    Ping,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminReply {
    /// Done.
    Done,
    /// To `AccountList`.
    Accounts(Vec<BareJid>),
    /// To `SessionList`: address and whether it is connected now.
    Sessions(Vec<(Jid, bool)>),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminRefused {
    /// There is one already.
    #[error("account {0} exists already; use `account passwd` to change its password")]
    Exists(BareJid),
    /// There is none.
    #[error("there is no account {0}; `account list` shows all")]
    Unknown(BareJid),
    /// Not ours.
    #[error("{0} is not an address of a domain served here")]
    NotServed(BareJid),
    /// The store failed.
    #[error("the store could not be read: {0}")]
    Store(String),
    /// No room.
    #[error("the file system of the runtime directory is nearly full; free space and try again")]
    NoRoom,
}

use crate::account::{Account, Slot};
use crate::gather::{Found, Gathered, Work};
use crate::input::Ticket;
use crate::output::Effect;
use crate::state::{Owner, State};
use im_store::{Reply, Write};
use xmpp::stream_error::{StreamCondition, StreamError};

impl State {
    /// An administrator asked.
    pub(crate) fn admin_asked(&mut self, ticket: Ticket, request: AdminRequest) {
        if let AdminRequest::AccountAdd { jid, .. } = &request
            && self.owner_of(jid) != Owner::Account
        {
            let refused = AdminRefused::NotServed(jid.clone());
            return self.effect(Effect::AdminAnswered { ticket, reply: Err(refused) });
        }
        self.submit(Work::Admin { ticket, request });
    }

    /// Everything the request needs is in memory.
    pub(crate) fn admin_gathered(
        &mut self,
        ticket: Ticket,
        request: AdminRequest,
        gathered: Option<Gathered>,
    ) {
        let reply = match gathered {
            None => Err(AdminRefused::Store("see the server's log".to_owned())),
            Some(gathered) => self.decide_admin(request, gathered),
        };
        self.effect(Effect::AdminAnswered { ticket, reply });
    }

    fn decide_admin(
        &mut self,
        request: AdminRequest,
        mut gathered: Gathered,
    ) -> Result<AdminReply, AdminRefused> {
        match request {
            AdminRequest::AccountAdd { jid, credentials } => {
                if self.account(&jid).is_some() {
                    return Err(AdminRefused::Exists(jid));
                }
                if !self.has_room() {
                    return Err(AdminRefused::NoRoom);
                }
                self.create_account(jid, credentials);
                Ok(AdminReply::Done)
            }
            AdminRequest::AccountPassword { jid, credentials } => self
                .change_credentials(&jid, credentials, None)
                .then_some(AdminReply::Done)
                .ok_or(AdminRefused::Unknown(jid)),
            AdminRequest::AccountRemove { jid } => self
                .remove_account(&jid)
                .then_some(AdminReply::Done)
                .ok_or(AdminRefused::Unknown(jid)),
            AdminRequest::AccountList { .. } => match gathered.pop() {
                Some(Found::Read(Reply::Accounts(accounts))) => Ok(AdminReply::Accounts(accounts)),
                _ => Err(AdminRefused::Store("an unexpected answer".to_owned())),
            },
            AdminRequest::SessionList => Ok(AdminReply::Sessions(self.list_sessions())),
            AdminRequest::Ping => Ok(AdminReply::Done),
        }
    }

    fn list_sessions(&self) -> Vec<(Jid, bool)> {
        let mut sessions: Vec<_> = self
            .sessions
            .values()
            .filter(|s| !s.is_ending())
            .map(|s| (s.jid.clone(), s.conn().is_some()))
            .collect();
        sessions.sort();
        sessions
    }

    /// Creates an account that does not exist.
    pub(crate) fn create_account(&mut self, jid: BareJid, credentials: Bytes) {
        let id = self.next_account_id();
        self.write(Write::AccountPut {
            account: id,
            jid: jid.clone(),
            credentials: credentials.clone(),
        });
        let account = Account::new(id, jid.clone(), credentials);
        self.accounts.insert(jid.clone(), Slot::Loaded(Box::new(account)));
        self.unused.put(&jid);
    }

    /// Replaces credentials and ends the account's sessions but `keep`; false when there is no such account.
    pub(crate) fn change_credentials(
        &mut self,
        jid: &BareJid,
        credentials: Bytes,
        keep: Option<im_store::SessionId>,
    ) -> bool {
        let Some(account) = self.account_mut(jid) else { return false };
        account.credentials = credentials.clone();
        let id = account.id;
        self.write(Write::AccountPut { account: id, jid: jid.clone(), credentials });
        let why =
            StreamError::new(StreamCondition::Reset, "The password has changed; log in again.");
        self.end_sessions(jid, keep, &why);
        true
    }

    /// Removes an account and all that is its; false when there is no such account.
    pub(crate) fn remove_account(&mut self, jid: &BareJid) -> bool {
        let Some(account) = self.account(jid) else { return false };
        let id = account.id;
        let why = StreamError::new(StreamCondition::NotAuthorized, "The account was removed.");
        self.end_sessions(jid, None, &why);
        crate::features::roster::account_removed(self, jid);
        self.write(Write::AccountRemove { account: id });
        self.accounts.insert(jid.clone(), Slot::Absent);
        self.unused.put(jid);
        true
    }

    fn end_sessions(
        &mut self,
        jid: &BareJid,
        keep: Option<im_store::SessionId>,
        why: &StreamError,
    ) {
        for session in self.sessions_of(jid).to_vec() {
            if Some(session) != keep {
                self.break_stream(session, why);
            }
        }
    }
}
