//! What an operator says about the etcd to use, and the sentences for what is wrong with it.
//!
//! Everything that can be seen to be wrong without a network is refused here, with the thing, the value and the remedy. It must never
//! let through an endpoint that would carry the cluster's data over a network without mutual TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Most endpoints that are taken; etcd clusters have 3, 5 or 7 members.
pub const ENDPOINTS_MAX: usize = 16;
/// Longest namespace, in bytes.
pub const NAMESPACE_BYTES_MAX: usize = 256;
/// Longest time-out that is taken.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// How to reach etcd, and what part of it is ours.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// `https://host[:port]`, or `http://` on the loopback interface; port 2379 when none is named. The first is asked first: put the
    /// member of this machine there.
    pub endpoints: Vec<String>,
    /// Certificates; needed for `https://`.
    pub tls: Option<Tls>,
    /// Name and password, where etcd's own authentication is on.
    pub login: Option<Login>,
    /// What all our keys begin with, for instance `/steadfast/house/`. A `/` is added at the end when there is none.
    pub namespace: String,
    /// How long one call may take, all endpoints together. Of the order of etcd's election time-out, well below the lease.
    pub call_timeout: Duration,
    /// How long one endpoint may leave a call unanswered before the next one is asked as well.
    pub attempt_timeout: Duration,
    /// How often a watch asks its member for a sign of life; it ends when none comes within twice `attempt_timeout`.
    pub watch_interval: Duration,
}

impl Default for EtcdOptions {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:2379".to_owned()],
            tls: None,
            login: None,
            namespace: "/steadfast/".to_owned(),
            call_timeout: Duration::from_millis(1500),
            attempt_timeout: Duration::from_millis(300),
            watch_interval: Duration::from_millis(250),
        }
    }
}

/// Mutual TLS: three PEM files, read again whenever a connection is made, so that renewed ones need no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Who signed the certificates of the endpoints.
    pub ca: PathBuf,
    /// Our certificate, leaf first; for client authentication.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The name the endpoints' certificates are for, when it is not the host in the endpoint.
    pub domain: Option<String>,
}

/// A user of etcd's own authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a connection to etcd cannot even be tried, or was refused at first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// An option is wrong. The operator's doing.
    #[error("{0}")]
    Option(String),
    /// A certificate or key file is missing, unreadable, of the wrong kind or out of date.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// Etcd did not answer, or refused.
    #[error(transparent)]
    Store(#[from] control::Error),
}

impl From<ConnectError> for control::Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Store(error) => error,
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// An endpoint, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// As the operator wrote it; for messages.
    pub text: String,
    /// Host name or literal address, without brackets.
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

impl Address {
    /// Reads `http[s]://host[:port]`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConnectError> {
        let wrong = |why: &str| {
            ConnectError::Option(format!(
                "endpoint {text:?} {why}: write it as https://host:2379 (or http://127.0.0.1:2379 on this machine)"
            ))
        };
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(wrong("is neither http nor https")),
            None => return Err(wrong("does not say http:// or https://")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: http::uri::Authority =
            rest.parse().map_err(|_| wrong("has no host that can be understood"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user in it (the login has options of its own)"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match authority.port() {
            None if !authority.as_str().ends_with(authority.host()) => {
                return Err(wrong("has no port that can be understood"));
            }
            None => 2379,
            Some(port) => match port.as_u16() {
                0 => return Err(wrong("has port 0")),
                port => port,
            },
        };
        Ok(Self { text: text.to_owned(), host, port, tls })
    }

    /// Whether it can only mean this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// `host:port` with brackets where they belong.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl EtcdOptions {
    /// The endpoints, understood, once nothing in the options is wrong.
    pub(crate) fn check(&self) -> Result<Vec<Address>, ConnectError> {
        let wrong = |text: String| Err(ConnectError::Option(text));
        if self.endpoints.is_empty() || self.endpoints.len() > ENDPOINTS_MAX {
            return wrong(format!(
                "{} etcd endpoints are named: name 1 to {ENDPOINTS_MAX}",
                self.endpoints.len()
            ));
        }
        let addresses: Vec<_> =
            self.endpoints.iter().map(|text| Address::parse(text)).collect::<Result<_, _>>()?;
        for (at, address) in addresses.iter().enumerate() {
            if !address.tls && !address.is_loopback() {
                return wrong(format!(
                    "endpoint {} leaves this machine without encryption: write https:// and set the files ca, cert and key",
                    address.text
                ));
            }
            if address.tls && self.tls.is_none() {
                return wrong(format!(
                    "endpoint {} needs certificates: set the files ca, cert and key",
                    address.text
                ));
            }
            if addresses[..at].iter().any(|a| a.authority() == address.authority()) {
                return wrong(format!("endpoint {} is named twice: remove one", address.text));
            }
        }
        if self.namespace.trim_matches('/').is_empty()
            || self.namespace.len() > NAMESPACE_BYTES_MAX
            || self.namespace.contains('\0')
        {
            return wrong(format!(
                "namespace {:?} is not usable: give 1 to {NAMESPACE_BYTES_MAX} bytes, for instance /steadfast/house/",
                self.namespace
            ));
        }
        for (name, value) in [
            ("call_timeout", self.call_timeout),
            ("attempt_timeout", self.attempt_timeout),
            ("watch_interval", self.watch_interval),
        ] {
            if value < Duration::from_millis(10) || value > TIMEOUT_MAX {
                return wrong(format!("{name} is {value:?}: give 10 ms to {TIMEOUT_MAX:?}"));
            }
        }
        Ok(addresses)
    }

    /// The namespace with its closing `/`.
    pub(crate) fn prefix(&self) -> String {
        let mut prefix = self.namespace.clone();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: &EtcdOptions) -> String {
        options.check().map(|_| String::from("taken")).unwrap_or_else(|e| e.to_string())
    }

    fn with(endpoint: &str) -> EtcdOptions {
        EtcdOptions { endpoints: vec![endpoint.to_owned()], ..EtcdOptions::default() }
    }

    #[test]
    fn an_endpoint_is_understood_or_refused_with_a_remedy() {
        let parsed = |text: &str| {
            Address::parse(text).map(|a| (a.authority(), a.tls)).map_err(|e| e.to_string())
        };
        assert_eq!(parsed("http://127.0.0.1:99/"), Ok(("127.0.0.1:99".into(), false)));
        assert_eq!(parsed("https://etcd-1.example"), Ok(("etcd-1.example:2379".into(), true)));
        assert_eq!(parsed("https://[::1]:5"), Ok(("[::1]:5".into(), true)));
        for bad in [
            "",
            "etcd:2379",
            "ftp://a",
            "https://",
            "https://a:0",
            "https://a:x",
            "https://a:",
            "https://a:99999",
            "https://a b",
            "https://u:p@a",
            "https://a/v3",
        ] {
            let said = parsed(bad).expect_err(bad);
            assert!(said.contains(&format!("{bad:?}")) && said.contains("write it as"), "{said}");
        }
    }

    #[test]
    fn nothing_leaves_the_machine_without_tls() {
        for bad in [
            "http://10.0.0.1:2379",
            "http://etcd.example",
            "http://[2001:db8::1]:2379",
            "http://0.0.0.0:1",
        ] {
            let said = refusal(&with(bad));
            assert!(
                said.contains(bad) && said.contains("set the files ca, cert and key"),
                "{said}"
            );
        }
        for good in ["http://127.0.0.1:1", "http://127.9.8.7", "http://localhost", "http://[::1]:1"]
        {
            assert_eq!(refusal(&with(good)), "taken");
        }
        assert!(refusal(&with("https://10.0.0.1")).contains("needs certificates"));
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let ok = EtcdOptions::default();
        let cases = [
            (EtcdOptions { endpoints: vec![], ..ok.clone() }, "0 etcd endpoints"),
            (EtcdOptions { namespace: "/".into(), ..ok.clone() }, "namespace"),
            (EtcdOptions { call_timeout: Duration::ZERO, ..ok.clone() }, "call_timeout"),
            (
                EtcdOptions { attempt_timeout: Duration::from_secs(61), ..ok.clone() },
                "attempt_timeout",
            ),
            (EtcdOptions { watch_interval: Duration::ZERO, ..ok.clone() }, "watch_interval"),
            (EtcdOptions { endpoints: vec![ok.endpoints[0].clone(); 2], ..ok.clone() }, "twice"),
        ];
        for (options, word) in cases {
            assert!(refusal(&options).contains(word), "{word}: {}", refusal(&options));
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let login = Login { user: "steadfast".into(), password: "secret".into() };
        assert!(!format!("{login:?}").contains("secret"));
    }
}
