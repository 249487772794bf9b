//! In-Band Registration (XEP-0077): an account for a stranger (off unless the operator wants it), a new password or the end
//! for somebody who has logged in.
//!
//! A password is hashed outside the core and never kept, shown or logged. Strangers are counted by address before anything
//! is done for them (attack row 12). That a name is taken cannot be hidden here; it is one reason why this is off.

mod account;
mod stranger;
#[cfg(test)]
mod tests;

pub(crate) use stranger::{accounts, needs};

use super::{Feature, Specification};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::Node;

/// §3.1: user name or password is missing, empty or much too long.
const INCOMPLETE: StanzaError =
    StanzaError::new(ErrorType::Modify, "not-acceptable", "Choose a user name and a password.");
/// RFC 7622 §3.3.
const NOT_A_NAME: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "not-acceptable",
    "The user name has characters that an address cannot have.",
);
/// RFC 4013.
const NOT_A_PASSWORD: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "not-acceptable",
    "The password has characters that a password cannot have.",
);
/// §3.1.
const TAKEN: StanzaError =
    StanzaError::new(ErrorType::Cancel, "conflict", "This user name is taken; choose another.");
/// Attack row 12.
const TOO_OFTEN: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "Too many accounts were asked for from your address; try again later.",
);
/// A new password costs as much as a login.
const CHANGED_TOO_OFTEN: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "The password was changed too often; try again later.",
);
/// §3.2, §3.3.
const NOT_ALLOWED: StanzaError =
    StanzaError::new(ErrorType::Cancel, "not-allowed", "This server does not do that in-band.");
/// §3.2: `<remove/>` stands alone; §3.3: both fields are needed.
const MALFORMED: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "Send your user name and the new password, or <remove/> alone.",
);
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "This is not your user name.");

/// Bytes of a password.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The feature as data. The stream feature is the negotiation's: it belongs before login.
pub(crate) const FEATURE: Feature = Feature {
    name: "register",
    specifications: &[Specification {
        number: "XEP-0077",
        version: "2.4",
        title: "In-Band Registration",
    }],
    server_features: &[ns::REGISTER],
    iqs: account::ROUTES,
    enabled: Some(|state| {
        state.options.registration_allowed || state.options.password_change_allowed
    }),
    ..Feature::NONE
};

/// User name and password of a form that was filled in; `None` when one of them cannot be used.
fn filled_in(query: Node<'_>) -> Option<(String, String)> {
    let field = |name| query.child(name, ns::REGISTER).map(|field| field.text().into_owned());
    let (name, password) = (field("username")?, field("password")?);
    let is_usable =
        !name.is_empty() && !password.is_empty() && password.len() <= PASSWORD_BYTES_MAX;
    is_usable.then_some((name, password))
}
