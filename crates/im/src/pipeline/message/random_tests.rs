//! Random scenes: clients of one account come, go, vanish, resume and are cut off by crashes while messages arrive. No
//! session may be given a message twice or out of order, and none may be lost.

use crate::scene::Scene;
use std::collections::BTreeSet;
use std::time::Duration;

const RESOURCES: [&str; 3] = ["a", "b", "c"];
const STEPS: usize = 150;

/// A client, as far as it knows.
#[derive(Debug, Default)]
struct Client {
    is_connected: bool,
    /// What was written into its socket does not come out.
    is_stuck: bool,
    /// With stream management.
    previd: Option<String>,
    /// Stanzas taken since stream management was enabled.
    taken: u32,
    /// Messages taken in this session.
    seen: BTreeSet<u32>,
    /// Greatest message that did not wait anywhere.
    newest: Option<u32>,
}

struct World {
    s: Scene,
    dice: u64,
    seed: u64,
    clients: [Client; 3],
    sent: u32,
    /// Messages that some client has taken.
    taken: BTreeSet<u32>,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self::with(seed, |_| {})
    }

    fn with(seed: u64, change: impl FnOnce(&mut crate::Options)) -> Self {
        let mut s = Scene::with(change);
        s.account("romeo@localhost");
        s.account("juliet@localhost");
        s.online("juliet", "juliet@localhost/balcony");
        let dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (clients, taken, log) = Default::default();
        Self { s, dice, seed, clients, sent: 0, taken, log }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.dice >> 33) % sides
    }

    fn step(&mut self) {
        let who = self.roll(3) as usize;
        let action = self.roll(21);
        self.log.push(format!("{action} {who}"));
        match action {
            0..7 => self.say(who),
            7..10 => self.take(who),
            10 => self.acknowledge(who),
            11 => self.lose(who),
            12 => self.end(who),
            13..15 => self.come(who),
            15 => self.announce(who),
            16 => self.carbons(who),
            17 => self.pass(),
            18 => self.crash(),
            19 => self.stick(who),
            _ => self.hold(),
        }
    }

    fn say(&mut self, who: usize) {
        let to = match self.roll(4) {
            0 => format!("romeo@localhost/{}", RESOURCES[who]),
            _ => "romeo@localhost".to_owned(),
        };
        let n = self.sent;
        self.sent += 1;
        let xml = format!("<message to='{to}' type='chat'><body>{n}</body></message>");
        self.s.sends("juliet", &xml);
    }

    /// The client reads what has come.
    fn take(&mut self, who: usize) {
        if !self.clients[who].is_connected {
            return;
        }
        if std::mem::take(&mut self.clients[who].is_stuck) {
            self.s.reads_again(RESOURCES[who]);
        }
        for xml in self.s.take(RESOURCES[who]) {
            self.take_one(who, &xml);
        }
    }

    fn stick(&mut self, who: usize) {
        self.take(who);
        if self.clients[who].is_connected {
            self.clients[who].is_stuck = true;
            self.s.stops_reading(RESOURCES[who]);
        }
    }

    /// Without stream management, what was written counts as taken.
    fn take_what_was_written(&mut self, who: usize) {
        let client = &self.clients[who];
        if client.previd.is_none() && !client.is_stuck {
            self.take(who);
        }
    }

    fn take_one(&mut self, who: usize, xml: &str) {
        let (seed, log) = (self.seed, &self.log);
        let client = &mut self.clients[who];
        if !["<message", "<presence", "<iq"].iter().any(|kind| xml.starts_with(kind)) {
            return;
        }
        client.taken += 1;
        let Some((_, body)) = xml.split_once("<body>") else { return };
        let n: u32 = body.split('<').next().unwrap().parse().unwrap();
        assert!(client.seen.insert(n), "seed {seed}: {who} got {n} twice: {log:?}");
        if !xml.contains("<delay") {
            assert!(client.newest < Some(n), "seed {seed}: {who} got {n} too late: {log:?}");
            client.newest = Some(n);
        }
        self.taken.insert(n);
    }

    /// Says what it has taken; more may be on its way.
    fn acknowledge(&mut self, who: usize) {
        let client = &self.clients[who];
        if client.is_connected && client.previd.is_some() {
            let h = client.taken;
            self.s.sends(RESOURCES[who], &format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"));
        }
    }

    fn take_and_acknowledge(&mut self, who: usize) {
        self.take(who);
        self.acknowledge(who);
    }

    /// What has come and was not read is lost with the connection.
    fn lose(&mut self, who: usize) {
        if self.clients[who].is_connected {
            self.take_what_was_written(who);
            self.s.loses(RESOURCES[who]);
            (self.clients[who].is_connected, self.clients[who].is_stuck) = (false, false);
        }
    }

    fn end(&mut self, who: usize) {
        self.take_and_acknowledge(who);
        if self.clients[who].is_connected {
            self.s.ends(RESOURCES[who]);
            self.clients[who] = Client::default();
        }
    }

    /// Resumes, or logs in anew when that is impossible.
    fn come(&mut self, who: usize) {
        if self.clients[who].is_connected {
            return;
        }
        let name = RESOURCES[who];
        let jid = format!("romeo@localhost/{name}");
        if let Some(previd) = self.clients[who].previd.clone() {
            let h = self.clients[who].taken;
            self.s.login(name, &jid);
            let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='{h}'/>");
            self.s.sends(name, &resume);
            let answer = self.s.take(name);
            if answer[0].starts_with("<resumed") {
                self.clients[who].is_connected = true;
                answer[1..].iter().for_each(|xml| self.take_one(who, xml));
                return;
            }
            self.s.loses(name);
        }
        self.s.connect(name, &jid);
        let previd = (self.roll(3) > 0).then(|| self.s.manage(name));
        self.clients[who] = Client { is_connected: true, previd, ..Client::default() };
        self.announce(who);
    }

    fn announce(&mut self, who: usize) {
        if !self.clients[who].is_connected {
            return;
        }
        let xml = match self.roll(6) {
            0 => "<presence type='unavailable'/>".to_owned(),
            roll => format!(
                "<presence><priority>{}</priority></presence>",
                [0, 0, 1, 1, -1][roll as usize - 1]
            ),
        };
        self.s.sends(RESOURCES[who], &xml);
    }

    fn carbons(&mut self, who: usize) {
        if self.clients[who].is_connected {
            let name = if self.roll(4) == 0 { "disable" } else { "enable" };
            let xml = format!("<iq type='set' id='c'><{name} xmlns='urn:xmpp:carbons:2'/></iq>");
            self.s.sends(RESOURCES[who], &xml);
        }
    }

    fn pass(&mut self) {
        let secs = [1, 100, 400, 700][self.roll(4) as usize];
        // Nobody is asked for an acknowledgement meanwhile.
        (0..3).for_each(|who| self.take_and_acknowledge(who));
        self.s.pass(Duration::from_secs(secs.min(80)));
        if secs > 80 {
            (0..3).for_each(|who| self.take_and_acknowledge(who));
            (0..3).for_each(|who| self.lose_if_closed(who));
            for _ in 0..secs / 80 {
                self.s.pass(Duration::from_secs(80));
                (0..3).for_each(|who| self.take_and_acknowledge(who));
            }
        }
    }

    fn lose_if_closed(&mut self, who: usize) {
        if self.clients[who].is_connected && self.s.is_closed(RESOURCES[who]) {
            self.lose(who);
        }
    }

    fn crash(&mut self) {
        (0..3).for_each(|who| self.take_what_was_written(who));
        self.s.crash();
        for client in &mut self.clients {
            (client.is_connected, client.is_stuck) = (false, false);
        }
        self.s.online("juliet", "juliet@localhost/balcony");
    }

    /// Several things happen within one batch.
    fn hold(&mut self) {
        self.s.hold_commits = true;
        for _ in 0..1 + self.roll(6) {
            let who = self.roll(3) as usize;
            match self.roll(4) {
                0 => self.announce(who),
                1 => self.lose(who),
                _ => self.say(who),
            }
        }
        self.s.hold_commits = false;
        self.s.settle();
    }

    /// Everybody leaves; who comes then is given what nobody took.
    fn finish(mut self) {
        (0..3).for_each(|who| self.lose(who));
        self.s.pass(Duration::from_secs(601));
        self.s.connect("last", "romeo@localhost/last");
        self.s.sends("last", "<presence/>");
        self.clients[0] = Client::default();
        for xml in self.s.take("last") {
            self.take_one(0, &xml);
        }
        let (seed, log) = (self.seed, &self.log);
        let lost: Vec<u32> = (0..self.sent).filter(|n| !self.taken.contains(n)).collect();
        assert!(lost.is_empty(), "seed {seed}: lost {lost:?}: {log:?}");
    }
}

#[test]
fn no_message_is_lost_and_no_session_is_given_one_twice_or_out_of_order() {
    for seed in 0..150 {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.finish();
    }
}

/// The scenes above are worth something: they notice when the core breaks its promise.
#[cfg(feature = "planted-faults")]
#[test]
fn random_scenes_notice_a_broken_promise() {
    use crate::PlantedFault::{
        IgnoresHOfResume, LeftOverDropped, NoRewind, OfflineForgottenEarly, PlainNotKept,
        TrimsTooMuch,
    };
    for fault in [
        PlainNotKept,
        LeftOverDropped,
        OfflineForgottenEarly,
        TrimsTooMuch,
        NoRewind,
        IgnoresHOfResume,
    ] {
        let is_noticed = |seed| {
            let scene = move || {
                let mut world = World::with(seed, |options| options.planted = Some(fault));
                (0..STEPS).for_each(|_| world.step());
                world.finish();
            };
            std::panic::catch_unwind(scene).is_err()
        };
        assert!((0..100).any(is_noticed), "{fault:?}");
    }
}
