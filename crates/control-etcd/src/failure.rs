//! What can go wrong with one call to one endpoint, and what it means: is another endpoint worth asking, may it have been done, whose fault is it.
//!
//! The difference between *certainly not done* and *perhaps done* is kept from the socket up to here: a transaction is repeated only in the
//! first case. Nothing here may turn *perhaps* into *no*.

use control::Error;

/// One call to one endpoint did not get its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No member of etcd has handled it.
    NotSent(String),
    /// The TLS of the two sides does not fit; no member has handled it.
    Distrust(String),
    /// It was sent, and what became of it is unknown.
    Lost(String),
    /// Etcd answered with an error.
    Status(Status),
}

/// An error answer in gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// gRPC's number.
    pub code: u32,
    /// Etcd's words.
    pub message: String,
}

/// gRPC's numbers that matter here.
pub(crate) mod code {
    pub(crate) const UNKNOWN: u32 = 2;
    pub(crate) const INVALID_ARGUMENT: u32 = 3;
    pub(crate) const NOT_FOUND: u32 = 5;
    pub(crate) const PERMISSION_DENIED: u32 = 7;
    pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(crate) const FAILED_PRECONDITION: u32 = 9;
    pub(crate) const OUT_OF_RANGE: u32 = 11;
    pub(crate) const UNIMPLEMENTED: u32 = 12;
    pub(crate) const DATA_LOSS: u32 = 15;
    pub(crate) const UNAUTHENTICATED: u32 = 16;
}

/// What the caller does about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every endpoint would say the same.
    Final(Error),
    /// Not done, and another endpoint may do it.
    NotDone,
    /// Perhaps done; only what may be done twice goes to another endpoint.
    PerhapsDone,
}

impl Failure {
    /// What it means.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::NotSent(_) | Self::Distrust(_) => Verdict::NotDone,
            Self::Lost(_) => Verdict::PerhapsDone,
            Self::Status(status) => status.verdict(),
        }
    }

    /// In words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::NotSent(text) | Self::Distrust(text) | Self::Lost(text) => text,
            Self::Status(status) => &status.message,
        }
    }
}

impl Status {
    /// The token is unknown or old; a new one helps. Not done: tokens are looked at first.
    pub(crate) fn wants_login(&self) -> bool {
        self.code == code::UNAUTHENTICATED
            || self.message.contains("invalid auth token")
            || self.message.contains("revision of auth store is old")
    }

    fn verdict(&self) -> Verdict {
        let text = self.message.clone();
        let has = |part: &str| text.contains(part);
        match self.code {
            _ if has("requested lease not found") => Verdict::Final(Error::LeaseGone),
            _ if has("no leader") && !has("leader changed") => Verdict::NotDone,
            // Authentication is spread over several codes, FailedPrecondition and InvalidArgument among them.
            code::PERMISSION_DENIED | code::UNAUTHENTICATED => Verdict::Final(Error::Denied(text)),
            _ if has("authentication") || has("user name") || has("auth token") => {
                Verdict::Final(Error::Denied(format!("{text}: look at user and password")))
            }
            code::RESOURCE_EXHAUSTED if has("space exceeded") => {
                Verdict::Final(Error::Unavailable(format!(
                    "{text}: etcd takes no writes until it is compacted, defragmented and its alarm disarmed"
                )))
            }
            code::RESOURCE_EXHAUSTED if has("too many requests") => Verdict::NotDone,
            code::UNIMPLEMENTED => Verdict::Final(Error::Unavailable(format!(
                "{text}: is it an etcd of version 3.4 or newer, and no gateway?"
            ))),
            code::DATA_LOSS => Verdict::Final(Error::Damaged(text)),
            code::INVALID_ARGUMENT
            | code::NOT_FOUND
            | code::FAILED_PRECONDITION
            | code::OUT_OF_RANGE
            | code::RESOURCE_EXHAUSTED => Verdict::Final(Error::Invalid(text)),
            // Unknown, DeadlineExceeded, Unavailable and the rest: time-outs, leader changes, a member on its way out.
            _ => Verdict::PerhapsDone,
        }
    }
}

/// The error for a call that no endpoint answered, each with its reason.
pub(crate) fn exhausted(failures: &[(String, Failure)]) -> Error {
    let mut text = String::new();
    for (endpoint, failure) in failures {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(endpoint);
        text.push_str(": ");
        text.push_str(failure.text());
    }
    let distrust = |(_, failure): &(String, Failure)| matches!(failure, Failure::Distrust(_));
    if !failures.is_empty() && failures.iter().all(distrust) {
        Error::Denied(text)
    } else {
        Error::Unavailable(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: u32, message: &str) -> Verdict {
        Failure::Status(Status { code, message: message.to_owned() }).verdict()
    }

    #[test]
    fn an_answer_of_etcd_means_what_it_says() {
        assert_eq!(
            verdict(code::NOT_FOUND, "etcdserver: requested lease not found"),
            Verdict::Final(Error::LeaseGone)
        );
        for (code, message) in [
            (14, "etcdserver: no leader"),
            (code::RESOURCE_EXHAUSTED, "etcdserver: too many requests"),
        ] {
            assert_eq!(verdict(code, message), Verdict::NotDone, "{message}");
        }
        for (code, message) in [
            (14, "etcdserver: leader changed"),
            (14, "etcdserver: request timed out"),
            (14, "etcdserver: server stopped"),
            (code::UNKNOWN, "raft: stopped"),
            (4, "context deadline exceeded"),
        ] {
            assert_eq!(verdict(code, message), Verdict::PerhapsDone, "{message}");
        }
        for (code, message) in [
            (code::PERMISSION_DENIED, "etcdserver: permission denied"),
            (code::UNAUTHENTICATED, "etcdserver: invalid auth token"),
            (code::INVALID_ARGUMENT, "etcdserver: user name is empty"),
            (
                code::INVALID_ARGUMENT,
                "etcdserver: authentication failed, invalid user ID or password",
            ),
            (code::FAILED_PRECONDITION, "etcdserver: authentication is not enabled"),
        ] {
            assert!(
                matches!(verdict(code, message), Verdict::Final(Error::Denied(_))),
                "{message}"
            );
        }
        for (code, message) in [
            (code::INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"),
            (code::INVALID_ARGUMENT, "etcdserver: request is too large"),
        ] {
            assert!(
                matches!(verdict(code, message), Verdict::Final(Error::Invalid(_))),
                "{message}"
            );
        }
        assert!(matches!(
            verdict(code::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
            Verdict::Final(Error::Unavailable(_))
        ));
        assert!(matches!(
            verdict(code::DATA_LOSS, "etcdserver: corrupt cluster"),
            Verdict::Final(Error::Damaged(_))
        ));
    }

    #[test]
    fn a_refusal_is_reported_as_one_only_when_no_endpoint_was_merely_away() {
        let distrust = ("a".to_owned(), Failure::Distrust("bad certificate".to_owned()));
        let away = ("b".to_owned(), Failure::NotSent("connection refused".to_owned()));
        assert_eq!(
            exhausted(std::slice::from_ref(&distrust)),
            Error::Denied("a: bad certificate".into())
        );
        assert_eq!(
            exhausted(&[distrust, away]),
            Error::Unavailable("a: bad certificate; b: connection refused".into())
        );
    }
}
