//! The monitor of a logical host: learns from the kernel's events, without polling, that an address was taken away (puts it back) or
//! that its interface lost its link (asks for a giveover after Link_loss_tolerance). It also repeats the announcements that START began, for neighbours
//! and switches that were busy at that moment.
//!
//! It watches only while its group is to be online here: PMF ends it with the daemon, MONITOR_STOP before STOP.

use super::place::{Network, Place, place};
use crate::failure::{Doing, Outcome, say};
use crate::net::netlink::Netlink;
use crate::net::probe;
use crate::net::route::{self, EVENTS, Link};
use crate::net::subnet::Subnet;
use crate::service::{self, Part};
use crate::subject::Subject;
use node_api::{Ask, ClientError};
use rgm::{Operation, Status};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// When announcements are repeated, counted from the start of the monitor.
const REPEATS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// A look at everything although no event came; events can be lost when the kernel's queue is full.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// After a refused giveover it is asked again this much later, while the link stays lost.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// MONITOR_START.
pub(crate) fn monitor_start(subject: &Subject) -> Outcome {
    service::start_monitor(subject, service::own_command("logicalhostname_monitor", &subject.call)?)
}

/// MONITOR_STOP.
pub(crate) fn monitor_stop(subject: &Subject) -> Outcome {
    service::stop_monitor(subject)
}

/// UPDATE: the monitor reads its properties when it starts.
pub(crate) fn update(subject: &Subject) -> Outcome {
    if service::runs(subject, Part::Monitor)? {
        monitor_stop(subject)?;
        monitor_start(subject)?;
    }
    Ok(())
}

/// The monitor itself.
pub(crate) fn monitor(subject: &Subject) -> Outcome {
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let network = Network::look(&mut netlink)?;
    match place(subject, &network)? {
        Place::Bare(_) => watch_holder(subject),
        Place::Interface(link, subnets) => Watch::new(subject, netlink, link, subnets)?.run(),
    }
}

/// A bare claim is lost only with its holder, which is started again.
fn watch_holder(subject: &Subject) -> Outcome {
    let tag = Part::Service.tag(&subject.call);
    loop {
        match subject.client.ask(&Ask::PmfDeath { tag: tag.clone() }, |_| {}) {
            Ok(_) | Err(ClientError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        say("the holder of the addresses has ended and is started again");
        let ask = Ask::Restart {
            resource: subject.name().clone(),
            group: subject.group().clone(),
            with_monitor: false,
        };
        match subject.client.order(&ask) {
            Ok(_) => {}
            Err(ClientError::Refused(refusal)) => {
                say(refusal.sentence);
                std::thread::sleep(ASK_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

struct Watch<'a> {
    subject: &'a Subject,
    netlink: Netlink,
    events: Netlink,
    link: Link,
    subnets: Vec<Subnet>,
    tolerance: Duration,
    started: Instant,
    /// Repeats done.
    repeated: usize,
    /// Since when the link is lost.
    lost: Option<Instant>,
    /// When a giveover may be asked for (again).
    ask_at: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn new(
        subject: &'a Subject,
        netlink: Netlink,
        link: Link,
        subnets: Vec<Subnet>,
    ) -> Outcome<Self> {
        let events = Netlink::listening(EVENTS).doing("listening to the kernel's events")?;
        Ok(Self {
            tolerance: subject.seconds("Link_loss_tolerance", 5),
            subject,
            netlink,
            events,
            link,
            subnets,
            started: Instant::now(),
            repeated: 0,
            lost: None,
            ask_at: None,
        })
    }

    fn run(mut self) -> Outcome {
        loop {
            self.look()?;
            let wait = self.next_look().saturating_duration_since(Instant::now());
            // Whatever the event says, the state is looked at as a whole.
            self.events.events(wait).doing("reading the kernel's events")?;
        }
    }

    /// Everything this monitor waits for, besides events.
    fn next_look(&self) -> Instant {
        let repeat = REPEATS.get(self.repeated).map(|after| self.started + *after);
        let anyway = Instant::now() + LOOK_ANYWAY;
        [repeat, self.ask_at].into_iter().flatten().fold(anyway, Instant::min)
    }

    fn look(&mut self) -> Outcome {
        let network = Network::look(&mut self.netlink)?;
        match network.link(&self.link.name).cloned() {
            Some(link) if link.is_running() => self.link_is_there(&network, link),
            _ => {
                self.link_is_lost();
                Ok(())
            }
        }
    }

    fn link_is_there(&mut self, network: &Network, link: Link) -> Outcome {
        self.link = link;
        if self.lost.take().is_some() {
            self.ask_at = None;
            let sentence =
                format!("LogicalHostname online. The link of {} is back", self.link.name);
            say(&sentence);
            self.subject.set_status(Status::Ok, sentence);
            self.announce();
        }
        let is_there = |subnet: &&Subnet| {
            network.holder(subnet.address).is_some_and(|on| on.index == self.link.index)
        };
        let gone: Vec<Subnet> = self.subnets.iter().filter(|s| !is_there(s)).copied().collect();
        if !gone.is_empty() {
            self.put_back(&gone)?;
        }
        let due = REPEATS.get(self.repeated).is_some_and(|after| self.started.elapsed() >= *after);
        if due {
            self.repeated += 1;
            self.announce();
        }
        Ok(())
    }

    fn put_back(&mut self, gone: &[Subnet]) -> Outcome {
        for subnet in gone {
            route::add(&mut self.netlink, self.link.index, *subnet)
                .doing(format_args!("putting {subnet} back on {}", self.link.name))?;
            let sentence = format!(
                "LogicalHostname online. Somebody had removed {} from {}; it was put back",
                subnet.address, self.link.name
            );
            say(&sentence);
            self.subject.set_status(Status::Ok, sentence);
        }
        self.announce();
        Ok(())
    }

    fn announce(&self) {
        let addresses: Vec<IpAddr> = self.subnets.iter().map(|subnet| subnet.address).collect();
        if let Err(error) = probe::announce(&self.link, &addresses) {
            say(format!("{addresses:?} could not be announced on {}: {error}", self.link.name));
        }
    }

    fn link_is_lost(&mut self) {
        let now = Instant::now();
        if self.lost.is_none() {
            self.lost = Some(now);
            self.ask_at = Some(now + self.tolerance);
            let sentence = format!(
                "interface {} of node {} lost its link; unless it comes back within {} s the group is given over",
                self.link.name,
                self.subject.node,
                self.tolerance.as_secs()
            );
            say(&sentence);
            self.subject.set_status(Status::Degraded, sentence);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_at = Some(now + ASK_AGAIN);
            self.give_over();
        }
    }

    fn give_over(&self) {
        let Self { subject, link, .. } = self;
        let sentence = format!(
            "interface {} of node {} has no link; a giveover is asked for",
            link.name, subject.node
        );
        say(&sentence);
        subject.set_status(Status::Faulted, sentence);
        let operation = Operation::Giveover {
            resource: subject.name().clone(),
            group: subject.group().clone(),
            node: subject.node.clone(),
            check_only: false,
        };
        if let Err(error) = subject.client.submit(operation, false, None, |_| {}) {
            let seconds = ASK_AGAIN.as_secs();
            let name = &link.name;
            let sentence = format!(
                "interface {name} has no link, and the group cannot go elsewhere: {error}; asked again in {seconds} s"
            );
            say(&sentence);
            subject.set_status(Status::Faulted, sentence);
        }
    }
}
