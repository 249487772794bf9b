//! The one message of PLAIN (RFC 4616), read by the server. The password leaves this file only towards its verification.

use super::{Failure, FailureCondition};

/// A parsed PLAIN message.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// The address to act as; `None` when empty.
    pub authzid: Option<String>,
    /// The account's name, not prepared.
    pub authcid: String,
    /// The password, not prepared.
    pub password: String,
}

impl Plain {
    /// Parses `[authzid] NUL authcid NUL password`.
    pub fn parse(message: &[u8]) -> Result<Self, Failure> {
        let message =
            std::str::from_utf8(message).map_err(|_| Failure::malformed("this is not UTF-8"))?;
        let mut parts = message.split('\0');
        let (Some(authzid), Some(authcid), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::malformed("PLAIN has three parts between two NUL bytes"));
        };
        if authcid.is_empty() || password.is_empty() {
            return Err(Failure::new(
                FailureCondition::MalformedRequest,
                "the name and the password must not be empty",
            ));
        }
        Ok(Self {
            authzid: (!authzid.is_empty()).then(|| authzid.to_owned()),
            authcid: authcid.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").field("authcid", &self.authcid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_parts_are_told_apart() {
        let plain = Plain::parse(b"\0tim\0tanstaaftanstaaf").unwrap();
        assert_eq!(
            (plain.authzid.as_deref(), &plain.authcid[..], &plain.password[..]),
            (None, "tim", "tanstaaftanstaaf")
        );
        let plain = Plain::parse(b"Ursel\0Kurt\0xipj3plmq").unwrap();
        assert_eq!(plain.authzid.as_deref(), Some("Ursel"));
        assert!(!format!("{plain:?}").contains("xipj3plmq"));
    }

    #[test]
    fn anything_else_is_malformed() {
        for wrong in [
            &b""[..],
            b"\0",
            b"tim",
            b"\0tim",
            b"\0tim\0",
            b"\0\0secret",
            b"\0tim\0secret\0",
            b"\0tim\0sec\0ret",
            b"\0t\xffim\0secret",
        ] {
            let failure = Plain::parse(wrong).unwrap_err();
            assert_eq!(failure.condition, FailureCondition::MalformedRequest, "{wrong:?}");
        }
    }
}
