//! The network: a bridge in a namespace of its own, one cable from it to each host and to the client. Cables are cut at the bridge, so that a host sees
//! nothing of it but silence, as with a broken switch; one way or both.

use crate::space::Space;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// What does not pass any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing passes.
    Both,
    /// The host hears nothing, and is heard.
    ToHost,
    /// The host is not heard, and hears.
    FromHost,
}

/// The bridge.
#[derive(Debug)]
pub struct Wire {
    space: Space,
    cuts: BTreeMap<String, Cut>,
}

impl Wire {
    /// A bridge without cables.
    pub fn start(init: &Path) -> Result<Self> {
        let setup = "ip link add br0 type bridge stp_state 0 mcast_snooping 0\nip link set br0 up";
        Ok(Self { space: Space::start("wire", init, setup)?, cuts: BTreeMap::new() })
    }

    /// Process 1 of its space.
    pub const fn init(&self) -> u32 {
        self.space.init()
    }

    /// Plugs in a space with this address (`10.77.0.1`); its interface is `eth0`.
    pub fn attach(&self, space: &Space, address: &str) -> Result<()> {
        let port = port(space.name());
        let (near, far) = (self.space.init().to_string(), space.init().to_string());
        // What is left of a host that died.
        let _ = self.space.run(&format!("ip link del {port} 2>/dev/null"));
        crate::shell::run(&[
            "ip", "link", "add", &port, "netns", &near, "type", "veth", "peer", "name", "eth0",
            "netns", &far,
        ])?;
        self.space.run(&format!("ip link set {port} master br0 up"))?;
        space.run(&format!(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip addr add {address}/24 brd + dev eth0; ip link set eth0 up"
        ))?;
        Ok(())
    }

    /// Cuts a cable, or (`None`) mends it.
    pub fn cut(&mut self, name: &str, cut: Option<Cut>) -> Result<()> {
        match cut {
            Some(cut) => self.cuts.insert(port(name), cut),
            None => self.cuts.remove(&port(name)),
        };
        let mut rules = String::new();
        for (port, cut) in &self.cuts {
            if *cut != Cut::ToHost {
                rules.push_str(&format!("  iifname \"{port}\" drop\n"));
            }
            if *cut != Cut::FromHost {
                rules.push_str(&format!("  oifname \"{port}\" drop\n"));
            }
        }
        let chain = format!(
            " chain c {{\n  type filter hook forward priority 0; policy accept;\n{rules} }}"
        );
        self.space.run(&format!(
            "nft -f - <<'END'\ntable bridge cuts\ndelete table bridge cuts\ntable bridge cuts {{\n{chain}\n}}\nEND"
        ))?;
        Ok(())
    }
}

/// The bridge's end of a host's cable.
pub fn port(name: &str) -> String {
    format!("p-{name}")
}
