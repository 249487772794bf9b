//! The world: one time, one queue of events, the store, the hosts, and what the checkers remember.
//!
//! Never lets two things happen at once, and never forgets to look at the store's keys after something was written.

use crate::chaos::Trouble;
use crate::configuration::Shape;
use crate::dice::Dice;
use crate::faults::{Fault, ShellFault};
use crate::host::Host;
use crate::judge::Memory;
use crate::network::Arrival;
use control::Event as Changed;
use control::memory::{Machine, Options};
use rgm::executor::CallId;
use rgm::node::Input;
use rgm::planted::Planted;
use rgm::store::Raw;
use rgm::{Cluster, ResourceName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

/// More events than any seed needs; beyond, something goes round and round.
const EVENTS_MAX: u64 = 400_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A fact reaches a daemon.
    Deliver {
        host: usize,
        life: u64,
        input: Input,
    },
    /// The answer to `Grant`.
    Granted {
        host: usize,
        life: u64,
        granted: crate::network::GrantAnswer,
    },
    /// A request reaches the store.
    Arrive(Arrival),
    /// A watch has news up to a revision.
    Watch {
        host: usize,
        life: u64,
        upto: i64,
    },
    /// A daemon reads all keys.
    List {
        host: usize,
        life: u64,
    },
    /// The core's own time.
    Timer {
        host: usize,
        life: u64,
        serial: u64,
    },
    /// The guard's.
    Guard {
        host: usize,
        life: u64,
    },
    MethodEnds {
        host: usize,
        life: u64,
        call: CallId,
    },
    /// A monitor looks at its resource.
    Probe {
        host: usize,
        life: u64,
        resource: ResourceName,
    },
    /// Everything of an earlier life has been stopped.
    Stopped {
        host: usize,
        life: u64,
        revoke: Option<control::LeaseId>,
    },
    StartDaemon {
        host: usize,
        life: u64,
    },
    Boot {
        host: usize,
    },
    /// A lease may end now.
    LeaseDue,
    Trouble(Trouble),
    Operator,
    /// From now on nothing goes wrong.
    Calm,
    /// Is the cluster at rest?
    Look,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) dice: Dice,
    pub(crate) store: Machine,
    pub(crate) hosts: Vec<Host>,
    /// What lies in the store, understood; the checkers' truth.
    pub(crate) truth: Cluster,
    seen: i64,
    pub(crate) shape: Shape,
    pub(crate) memory: Memory,
    pub(crate) fault: Option<Fault>,
    /// Faults have stopped.
    pub(crate) is_calm: bool,
    pub(crate) is_over: bool,
    /// How often methods go wrong in this seed.
    pub(crate) luck: u32,
    pub(crate) store_down_until: Duration,
    /// A key that somebody has damaged, and what it held.
    pub(crate) damaged: Option<(String, Vec<u8>)>,
    pub(crate) never_starts: BTreeSet<(usize, ResourceName)>,
    pub(crate) asked: BTreeMap<u64, crate::operator::Asked>,
    pub(crate) last_asker: u64,
    queue: BinaryHeap<Reverse<Due>>,
    serial: u64,
    lease_due: Option<Duration>,
    traced: bool,
    pub(crate) trace: Vec<String>,
}

#[derive(Debug)]
struct Due {
    at: Duration,
    serial: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Fault>, traced: bool) -> Self {
        let mut dice = Dice::new(seed);
        let shape = Shape::new(&mut dice);
        let hosts = (0..shape.nodes).map(|h| Host::new(h, &shape, &mut dice)).collect();
        let luck = [0, 1, 1, 2, 4][dice.below(5)];
        Self {
            now: Duration::ZERO,
            dice,
            store: Machine::new(Options::default()),
            hosts,
            truth: Cluster::default(),
            seen: 1,
            shape,
            memory: Memory::default(),
            fault,
            is_calm: false,
            is_over: false,
            luck,
            store_down_until: Duration::ZERO,
            damaged: None,
            never_starts: BTreeSet::new(),
            asked: BTreeMap::new(),
            last_asker: 0,
            queue: BinaryHeap::new(),
            serial: 0,
            lease_due: None,
            traced,
            trace: Vec::new(),
        }
    }

    pub(crate) fn planted(&self) -> Planted {
        match self.fault {
            Some(Fault::Core(fault)) => Planted::one(fault),
            _ => Planted::default(),
        }
    }

    pub(crate) fn errs(&self, fault: ShellFault) -> bool {
        self.fault == Some(Fault::Shell(fault))
    }

    pub(crate) fn is_traced(&self) -> bool {
        self.traced
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let line = format!("{:>10.3} {}", self.now.as_secs_f64(), line());
            self.trace.push(line);
        }
    }

    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        self.serial += 1;
        self.queue.push(Reverse(Due { at: at.max(self.now), serial: self.serial, event }));
    }

    pub(crate) fn after(&mut self, time: Duration, event: Event) {
        self.at(self.now + time, event);
    }

    /// Lets everything happen until the world is over.
    pub(crate) fn run(&mut self) {
        let mut events = 0;
        while let Some(Reverse(due)) = self.queue.pop() {
            self.now = due.at;
            events += 1;
            if events > EVENTS_MAX {
                self.violate("rest", "the world does not come to rest".to_owned());
            }
            self.happen(due.event);
            self.look_at_store();
            if self.is_over || self.memory.is_broken() {
                break;
            }
        }
        self.memory.events = events;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { host, life, input } => {
                if self.hosts[host].life == life {
                    self.deliver(host, input);
                }
            }
            Event::Granted { host, life, granted } => self.granted(host, life, granted),
            Event::Arrive(arrival) => self.arrive(arrival),
            Event::Watch { host, life, upto } => self.watch_fires(host, life, upto),
            Event::List { host, life } => self.list(host, life),
            Event::Timer { host, life, serial } => self.timer(host, life, serial),
            Event::Guard { host, life } => self.guard_wakes(host, life),
            Event::MethodEnds { host, life, call } => self.method_ends(host, life, call),
            Event::Probe { host, life, resource } => self.probe(host, life, &resource),
            Event::Stopped { host, life, revoke } => self.stopped(host, life, revoke),
            Event::StartDaemon { host, life } => self.start_daemon(host, life),
            Event::Boot { host } => self.boot(host),
            Event::LeaseDue => self.leases_end(),
            Event::Trouble(trouble) => self.make_trouble(trouble),
            Event::Operator => self.operate(),
            Event::Calm => self.calm(),
            Event::Look => crate::judge::rest::look(self),
        }
    }

    fn leases_end(&mut self) {
        self.lease_due = None;
        let now = self.now;
        let _ = self.store.advance(now);
    }

    /// Takes in what was written, judges it, and tells the watches.
    pub(crate) fn look_at_store(&mut self) {
        if let Some(ends) = self.store.next_end()
            && self.lease_due.is_none_or(|due| due > ends)
        {
            self.lease_due = Some(ends);
            self.at(ends, Event::LeaseDue);
        }
        let revision = self.store.revision();
        if revision == self.seen {
            return;
        }
        let Ok((_, changes)) = self.store.events_since("", self.seen + 1) else { return };
        self.seen = revision;
        for change in &changes {
            let (key, raw) = raw_of(change);
            crate::judge::store::before_change(self, &key, raw.as_ref());
            self.truth.apply(&key, raw);
        }
        crate::judge::store::after_changes(self);
        self.note(|| {
            let keys: Vec<String> = changes.iter().map(shown).collect();
            format!("store at {revision}: {}", keys.join(" "))
        });
        self.tell_watches(revision);
    }

    /// The truth as of now, before anything is judged by it.
    pub(crate) fn violate(&mut self, checker: &'static str, what: String) {
        self.note(|| format!("VIOLATION {checker}: {what}"));
        self.memory.violate(checker, what);
    }
}

/// A change as the core takes it.
pub(crate) fn raw_of(change: &Changed) -> (String, Option<Raw>) {
    match change {
        Changed::Put(entry) => (entry.key.clone(), Some(raw_of_entry(entry))),
        Changed::Deleted { key, .. } => (key.clone(), None),
    }
}

pub(crate) fn raw_of_entry(entry: &control::Entry) -> Raw {
    Raw {
        value: entry.value.clone(),
        create_revision: entry.create_revision,
        mod_revision: entry.mod_revision,
    }
}

fn shown(change: &Changed) -> String {
    match change {
        Changed::Put(entry)
            if ["intent/", "observed/", "request/", "answer/", "fence/", "job/"]
                .iter()
                .any(|p| entry.key.starts_with(p)) =>
        {
            format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value))
        }
        Changed::Put(entry) => entry.key.clone(),
        Changed::Deleted { key, .. } => format!("-{key}"),
    }
}
