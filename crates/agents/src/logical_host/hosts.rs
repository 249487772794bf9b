//! From names to addresses: an address stands for itself, then `/etc/hosts`, then the system's resolver. The hosts file comes first because
//! a failover must not wait for a name server that is down (the chapter asks for entries there too).

use crate::failure::{Outcome, wrong};
use std::net::{IpAddr, ToSocketAddrs};

const HOSTS_FILE: &str = "/etc/hosts";
/// Addresses of one name.
const ADDRESSES_MAX: usize = 16;

/// The addresses of one name, without repetition.
pub(crate) fn resolve(name: &str) -> Outcome<Vec<IpAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let hosts = std::fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    let mut found = in_hosts_file(&hosts, name);
    if found.is_empty() {
        found = match (name, 0).to_socket_addrs() {
            Ok(addresses) => addresses.map(|address| address.ip()).collect(),
            Err(error) => {
                return wrong(format!(
                    "host name {name} has no address ({error}): enter it in {HOSTS_FILE} of every node"
                ));
            }
        };
    }
    let mut distinct: Vec<IpAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct.truncate(ADDRESSES_MAX);
    Ok(distinct)
}

/// The addresses of all names.
pub(crate) fn resolve_all(names: &[String]) -> Outcome<Vec<IpAddr>> {
    let mut all: Vec<IpAddr> = Vec::new();
    for name in names {
        for address in resolve(name)? {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    Ok(all)
}

fn in_hosts_file(text: &str, name: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| line.split('#').next());
    let entries = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_of_the_hosts_file_are_found() {
        let text = "127.0.0.1 localhost\n10.0.0.9\tIM-Host im # im2\nfd00::9 im-host\nbad im-host\n#10.0.0.8 im-host";
        let of = |name: &str| in_hosts_file(text, name);
        let expect: Vec<IpAddr> = vec!["10.0.0.9".parse().unwrap(), "fd00::9".parse().unwrap()];
        assert_eq!(of("im-host"), expect);
        assert_eq!(of("im"), expect[..1]);
        assert!(of("im2").is_empty() && of("10.0.0.9").is_empty());
    }

    #[test]
    fn an_address_stands_for_itself() {
        assert_eq!(resolve("fd00::1").unwrap(), ["fd00::1".parse::<IpAddr>().unwrap()]);
        let error = resolve("no such host").unwrap_err().to_string();
        assert!(error.starts_with("host name no such host has no address"), "{error}");
    }
}
