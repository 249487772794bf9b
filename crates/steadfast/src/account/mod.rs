//! Accounts from the command line: lists of them in files, and passwords from people.

pub(crate) mod credentials;
pub(crate) mod csv;
pub(crate) mod password;

use xmpp::jid::{BareJid, NotAJid};

/// Parses the address of an account: it has a localpart and no resource.
pub(crate) fn account_jid(text: &str) -> Result<BareJid, NotAJid> {
    let jid = BareJid::parse(text)?;
    if jid.local().is_none() {
        let why = "an account has a part before the @, such as romeo@example.org";
        return Err(NotAJid { text: text.to_owned(), why });
    }
    Ok(jid)
}
