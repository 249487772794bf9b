//! What an operator can set. Defaults are those of a service for a company or a school.

use std::time::Duration;
use xmpp::jid::BareJid;

/// Options of the messaging core.
#[derive(Clone, Debug)]
pub struct Options {
    /// Domains served, at least one.
    pub domains: Vec<BareJid>,
    /// How long a session without a connection can be resumed (XEP-0198 §5).
    pub resume_for: Duration,
    /// Entries of a session's queue beyond which a session without a connection is ended instead of kept.
    pub queue_stanzas_max: u64,
    /// Sessions one account may have.
    pub sessions_per_account_max: usize,
    /// Stanzas per second one session may send on average; more are delayed, not refused.
    pub stanzas_per_second: u32,
    /// Stanzas a session may send at once before the average counts.
    pub stanzas_burst: u32,
    /// Copies per second that one account's presence and other broadcasts may cause on average.
    pub copies_per_second: u32,
    /// Failed logins one address (IPv4 address, IPv6 /64) may make before it has to wait.
    pub failures_per_address_max: u32,
    /// Failed logins for one account, from anywhere, before it has to wait.
    pub failures_per_account_max: u32,
    /// Time in which one failed login is forgiven.
    pub failure_forgiven_after: Duration,
    /// Accounts without sessions kept in memory.
    pub accounts_cached_max: usize,
    /// Contacts of one roster.
    pub roster_items_max: usize,
    /// Entries of one blocking list.
    pub blocked_items_max: usize,
    /// Bytes of one private XML element or vCard.
    pub item_bytes_max: usize,
    /// Private XML elements of one account.
    pub private_items_max: usize,
    /// Offline messages of one account; more are refused.
    pub offline_messages_max: u64,
    /// What is archived for accounts that set no preference (XEP-0313 §5).
    pub archive_default: ArchiveDefault,
    /// Whether strangers may create accounts (XEP-0077).
    pub registration_allowed: bool,
    /// Whether users may change their password (XEP-0077).
    pub password_change_allowed: bool,
    /// PBKDF2 iterations of new verifiers.
    pub scram_iterations: u32,
    /// Addresses for XEP-0157.
    pub contact: ContactAddresses,
    /// Name and version for XEP-0092; `None` hides the version.
    pub version: Option<String>,
    /// A deliberate fault, for the simulation.
    #[cfg(feature = "planted-faults")]
    pub planted: Option<crate::PlantedFault>,
}

/// Archiving of accounts that set no preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveDefault {
    /// Everything.
    Always,
    /// Conversations with contacts.
    Roster,
    /// Nothing.
    Never,
}

/// Addresses of the people behind the service, as URIs (XEP-0157).
#[derive(Clone, Debug, Default)]
pub struct ContactAddresses {
    /// (field name such as `abuse-addresses`, URIs).
    pub fields: Vec<(String, Vec<String>)>,
}

impl Options {
    /// Defaults for these domains.
    pub fn for_domains(domains: Vec<BareJid>) -> Self {
        assert!(!domains.is_empty(), "a service has at least one domain");
        Self {
            domains,
            resume_for: Duration::from_secs(600),
            queue_stanzas_max: 5_000,
            sessions_per_account_max: 20,
            stanzas_per_second: 2_000,
            stanzas_burst: 5_000,
            copies_per_second: 20_000,
            failures_per_address_max: 20,
            failures_per_account_max: 100,
            failure_forgiven_after: Duration::from_secs(30),
            accounts_cached_max: 2_000,
            roster_items_max: 2_000,
            blocked_items_max: 2_000,
            item_bytes_max: 128 * 1024,
            private_items_max: 100,
            offline_messages_max: 1_000,
            archive_default: ArchiveDefault::Always,
            registration_allowed: false,
            password_change_allowed: true,
            scram_iterations: 4096,
            contact: ContactAddresses::default(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            #[cfg(feature = "planted-faults")]
            planted: None,
        }
    }

    /// Whether a domain is served here.
    pub fn serves(&self, domain: &str) -> bool {
        self.domains.iter().any(|d| d.as_str() == domain)
    }
}
