//! What clients see against what is true: random acts of two people with two sessions each, and after every act the
//! same questions. A failure prints the seed and the acts.

use crate::features::roster::{roster, verona};
use crate::scene::{Scene, attr};
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [&str; 2] = ["romeo", "juliet"];
const VERBS: [&str; 4] = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"];

/// A small generator (Knuth's MMIX constants): the same acts for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n) as usize
    }
}

/// One session's client: what it believes, and what it is.
#[derive(Debug, Default)]
struct Client {
    available: bool,
    /// Full JIDs it takes for available.
    sees: BTreeSet<String>,
    /// For resumption.
    previd: String,
    /// Stanzas received since stream management was enabled.
    handled: u32,
}

struct World {
    s: Scene,
    clients: BTreeMap<String, Client>,
    acts: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut world = Self { s: verona(), clients: BTreeMap::new(), acts: Vec::new() };
        for person in PEOPLE {
            for n in 0..2 {
                let name = format!("{person}{n}");
                world.clients.insert(name.clone(), Client::default());
                world.bind(&name);
            }
        }
        world
    }

    fn bind(&mut self, name: &str) {
        self.s.connect(name, &full(name));
        let previd = self.s.manage(name);
        self.clients.insert(name.to_owned(), Client { previd, ..Client::default() });
    }

    fn act(&mut self, dice: &mut Dice) {
        let person = PEOPLE[dice.below(2)];
        let name = format!("{person}{}", dice.below(2));
        let other = if person == PEOPLE[0] { PEOPLE[1] } else { PEOPLE[0] };
        let act = dice.below(12);
        self.acts.push(format!("{name} {act}"));
        match act {
            0..=2 => {
                self.s.sends(&name, "<presence/>");
                self.client(&name).available = true;
            }
            3 => {
                self.s.sends(&name, "<presence type='unavailable'/>");
                self.hear();
                let client = self.client(&name);
                client.available = false;
                client.sees.clear();
            }
            4 => {
                self.s.loses(&name);
                self.resume(&name);
            }
            5 => {
                self.hear();
                self.s.ends(&name);
                self.bind(&name);
            }
            6 => {
                self.hear();
                self.s.crash();
                for name in self.names() {
                    self.resume(&name);
                }
            }
            7 => {
                let item = format!("<item jid='{other}@localhost' subscription='remove'/>");
                self.s.sends(
                    &name,
                    &format!(
                        "<iq type='set' id='r'><query xmlns='jabber:iq:roster'>{item}</query></iq>"
                    ),
                );
            }
            _ => {
                let verb = VERBS[act - 8];
                self.acts.push(verb.to_owned());
                self.s.sends(&name, &format!("<presence to='{other}@localhost' type='{verb}'/>"));
            }
        }
        self.hear();
    }

    fn resume(&mut self, name: &str) {
        let (previd, handled) = (self.clients[name].previd.clone(), self.clients[name].handled);
        self.s.resume(name, &full(name), &previd, handled);
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }

    /// Every client reads what came and believes it.
    fn hear(&mut self) {
        for (name, client) in &mut self.clients {
            for xml in self.s.take(name) {
                let is_stanza = ["<presence", "<iq", "<message"].iter().any(|n| xml.starts_with(n));
                client.handled += u32::from(is_stanza);
                if !xml.starts_with("<presence") {
                    continue;
                }
                let from = attr(&xml, "from");
                if !xml.contains(" type='") {
                    client.sees.insert(from);
                } else if xml.contains(" type='unavailable'") {
                    client.sees.remove(&from);
                }
            }
        }
    }

    /// Attribute of the other's item in a person's roster; empty when there is none.
    fn standing(&mut self, person: &str) -> (String, bool) {
        let name = format!("{person}0");
        self.hear();
        let all = roster(&mut self.s, &name);
        self.client(&name).handled += 1;
        let asks = all.contains("ask='subscribe'");
        let subscription =
            if all.contains("<item") { attr(&all, "subscription") } else { "none".to_owned() };
        (subscription, asks)
    }

    fn check(&mut self) {
        let (romeo, romeo_asks) = self.standing("romeo");
        let (juliet, juliet_asks) = self.standing("juliet");
        let mirrored = match romeo.as_str() {
            "to" => "from",
            "from" => "to",
            same => same,
        };
        assert_eq!(juliet, mirrored, "rosters agree");
        for (person, standing) in [("romeo", &romeo), ("juliet", &juliet)] {
            let sees_other = matches!(standing.as_str(), "to" | "both");
            let seen: BTreeSet<String> = self
                .clients
                .iter()
                .filter(|(name, c)| c.available && (sees_other || name.starts_with(person)))
                .map(|(name, _)| full(name))
                .collect();
            for (name, client) in &self.clients {
                if client.available && name.starts_with(person) {
                    assert_eq!(client.sees, seen, "what {name} sees");
                }
            }
        }
        for (asks, other) in [(romeo_asks, "juliet"), (juliet_asks, "romeo")] {
            self.s.online_with("guest", &format!("{other}@localhost/guest"), |said| {
                let asked = said.iter().any(|x| x.contains("type='subscribe'"));
                assert_eq!(asks, asked, "a question is asked exactly while it is not answered");
            });
            self.hear();
        }
    }
}

fn full(name: &str) -> String {
    let (person, n) = name.split_at(name.len() - 1);
    format!("{person}@localhost/{n}")
}

impl Scene {
    /// Comes online for a look at what is said then, and leaves.
    fn online_with(&mut self, name: &str, jid: &str, look: impl FnOnce(&[String])) {
        self.connect(name, jid);
        self.sends(name, "<presence/>");
        look(&self.take(name));
        self.ends(name);
    }
}

#[test]
fn everybody_sees_what_is_true_after_every_act() {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        for _ in 0..60 {
            world.act(&mut dice);
            let acts = world.acts.join(", ");
            let checked = std::panic::AssertUnwindSafe(|| world.check());
            if let Err(failure) = std::panic::catch_unwind(checked) {
                eprintln!("seed {seed}: {acts}");
                std::panic::resume_unwind(failure);
            }
        }
    }
}
