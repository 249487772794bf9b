//! From the configuration to what core and multiplexor are told. One line per key; nothing is decided here.

use crate::config::{Config, Listener, TlsDemand};
use anyhow::Result;
use im::{ArchiveDefault, ContactAddresses, Options};
use link::TlsPolicy;
use mux::{ListenerConfig, ListenerKind, MuxLimits, TlsStore};
use xmpp::jid::BareJid;

/// What the core is told.
pub(crate) fn core(config: &Config) -> Result<Options> {
    let domains = config.domains.iter().map(|domain| BareJid::domain_only(domain));
    let limits = &config.limits;
    let fields =
        config.contact.iter().map(|(key, uris)| (format!("{key}-addresses"), uris.clone()));
    Ok(Options {
        resume_for: config.sessions.resume_for,
        queue_stanzas_max: config.sessions.queue_stanzas_max,
        sessions_per_account_max: to_usize(config.sessions.per_account_max),
        stanzas_per_second: to_u32(limits.stanzas_per_second),
        stanzas_burst: to_u32(limits.stanzas_burst),
        copies_per_second: to_u32(limits.copies_per_second),
        failures_per_address_max: to_u32(limits.login_failures_per_address_max),
        failures_per_account_max: to_u32(limits.login_failures_per_account_max),
        failure_forgiven_after: limits.login_failure_forgiven_after,
        accounts_cached_max: to_usize(limits.accounts_cached_max),
        roster_items_max: to_usize(limits.roster_items_max),
        blocked_items_max: to_usize(limits.blocked_items_max),
        item_bytes_max: to_usize(limits.item_bytes_max),
        private_items_max: to_usize(limits.private_items_max),
        offline_messages_max: config.offline_messages_max,
        archive_default: match config.archive_default.as_str() {
            "roster" => ArchiveDefault::Roster,
            "never" => ArchiveDefault::Never,
            _ => ArchiveDefault::Always,
        },
        registration_allowed: config.registration.allow,
        password_change_allowed: config.registration.password_change,
        scram_iterations: to_u32(config.registration.scram_iterations),
        contact: ContactAddresses { fields: fields.collect() },
        version: config.show_version.then(|| env!("CARGO_PKG_VERSION").to_owned()),
        ..Options::for_domains(domains.collect::<Result<_, _>>()?)
    })
}

/// What the multiplexor is told.
pub(crate) fn mux(config: &Config, tls: TlsStore) -> mux::Config {
    mux::Config {
        listeners: config.listeners.iter().map(listener).collect(),
        limits: MuxLimits {
            connections_max: to_usize(config.limits.connections_max),
            connections_per_address_max: to_usize(config.limits.connections_per_address_max),
            login_deadline: config.limits.login_deadline,
            ..MuxLimits::default()
        },
        tls: Some(tls),
    }
}

fn listener(listener: &Listener) -> ListenerConfig {
    ListenerConfig {
        kind: if listener.direct_tls { ListenerKind::C2sTls } else { ListenerKind::C2s },
        address: listener.address,
        tls: match listener.tls {
            TlsDemand::Required => TlsPolicy::Required,
            TlsDemand::Optional => TlsPolicy::Optional,
            TlsDemand::Off => TlsPolicy::Off,
        },
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, load};

    #[test]
    fn the_defaults_of_the_table_are_those_of_core_and_multiplexor() {
        let flags = [("domain", "example.org"), ("runtime_dir", "/tmp")]
            .map(|(key, value)| (key.to_owned(), value.to_owned(), "--set".to_owned()));
        let config = load(&Layers { flags: flags.to_vec(), ..Layers::default() }).config.unwrap();
        let domains = vec![BareJid::domain_only("example.org").unwrap()];
        let ours = core(&config).unwrap();
        let theirs = Options { version: ours.version.clone(), ..Options::for_domains(domains) };
        assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
        let limits = MuxLimits::default();
        assert_eq!(config.limits.connections_max, limits.connections_max as u64);
        assert_eq!(
            config.limits.connections_per_address_max,
            limits.connections_per_address_max as u64
        );
        assert_eq!(config.limits.login_deadline, limits.login_deadline);
    }
}
