//! Faults that are the same for every contender.

use super::{Expect, Fault, Rig, nothing, other, rejoin};
use crate::contender::Contender;
use crate::wire::Cut;
use anyhow::Result;
use rustix::process::Signal;

/// All of them.
pub fn faults<C: Contender>() -> Vec<Fault<C>> {
    vec![
        Fault {
            name: "service-killed",
            label: "service process killed (SIGKILL)",
            bound: "300 ms",
            expect: Expect::Again,
            strike: |rig, at| {
                let service = rig.site.service(at)?;
                rig.site.signal(&[service], Signal::KILL)
            },
            prepare: nothing,
            repair: nothing,
        },
        Fault {
            name: "switchover",
            label: "planned switchover",
            bound: "200 ms",
            expect: Expect::Moved,
            strike: |rig, at| rig.cluster.switch(&rig.site, other(at)),
            prepare: nothing,
            repair: nothing,
        },
        Fault {
            name: "host-killed",
            label: "whole host killed",
            bound: "lease + 500 ms",
            expect: Expect::Moved,
            strike: |rig, at| {
                rig.site.kill_host(at);
                Ok(())
            },
            prepare: nothing,
            repair: rejoin,
        },
        Fault {
            name: "link-cut",
            label: "network cable cut, both ways",
            bound: "lease + 500 ms",
            expect: Expect::Moved,
            strike: |rig, at| rig.site.cut(at, Some(Cut::Both)),
            prepare: nothing,
            repair: mend,
        },
        Fault {
            name: "link-cut-to-host",
            label: "network cable cut, towards the host only",
            bound: "lease + 500 ms",
            expect: Expect::Moved,
            strike: |rig, at| rig.site.cut(at, Some(Cut::ToHost)),
            prepare: nothing,
            repair: mend,
        },
        Fault {
            name: "link-cut-from-host",
            label: "network cable cut, from the host only",
            bound: "lease + 500 ms",
            expect: Expect::Moved,
            strike: |rig, at| rig.site.cut(at, Some(Cut::FromHost)),
            prepare: nothing,
            repair: mend,
        },
    ]
}

/// Plugs the cable in again; a host that was fenced meanwhile boots.
pub fn mend<C: Contender>(rig: &mut Rig<C>, at: usize) -> Result<()> {
    rig.site.cut(at, None)?;
    rejoin(rig, at)
}
