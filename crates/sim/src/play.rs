//! One simulation from its seed to its verdict: set the stage, let anything happen, come to rest, check.

use crate::actor::{Stage, bare};
use crate::faults::Fault;
use crate::ledger::{MessageId, Violation};
use crate::world::World;
use im_store::memory::MemoryDisk;
use im_store::{AccountId, ArchiveFilter, Query, Reader as _, Reply, StanzaId, Store as _};
use std::collections::BTreeMap;
use std::time::Duration;
use xmpp::jid::BareJid;
use xmpp::xml::Element;

/// What came of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Broken promises; empty when all is well.
    pub violations: Vec<Violation>,
    /// Messages sent.
    pub sent: u64,
    /// Messages the server said it had.
    pub accepted: u64,
    /// Messages received as such (not as carbons), each session counted.
    pub received: u64,
    /// Sessions resumed.
    pub resumed: u64,
    /// Crashes.
    pub crashes: u64,
    /// One line per event, when asked for.
    pub trace: Vec<String>,
}

/// Plays one seed.
pub fn play(seed: u64, fault: Option<Fault>, trace: bool) -> Report {
    let mut world = match World::new(seed, fault, trace) {
        Ok(world) => world,
        Err(error) => return failed(format!("the server does not start: {error:?}")),
    };
    befriend(&mut world);
    let steps = 300 + world.dice.below(1500);
    for _ in 0..steps {
        anything(&mut world);
    }
    come_to_rest(&mut world);
    let archives = archives(&world);
    world.ledger.check_at_rest(&archives);
    Report {
        sent: world.ledger.sent,
        accepted: world.ledger.messages.values().filter(|m| m.accepted).count() as u64,
        received: world.ledger.messages.values().map(|m| m.received_by.len() as u64).sum(),
        resumed: world.ledger.resumed,
        crashes: world.ledger.crashes,
        violations: world.ledger.violations,
        trace: world.trace.unwrap_or_default(),
    }
}

fn failed(what: String) -> Report {
    Report { violations: vec![Violation { promise: "start", what }], ..Report::default() }
}

/// The first client of each account subscribes to all others, in peace.
fn befriend(world: &mut World) {
    let firsts = first_actors(world);
    for index in &firsts {
        world.connect(*index, true);
    }
    world.settle();
    for index in &firsts {
        let me = world.actors[*index].account;
        for other in
            firsts.iter().map(|i| world.actors[*i].account).filter(|a| *a != me).collect::<Vec<_>>()
        {
            for kind in ["subscribe", "subscribed"] {
                world.say_stanza(*index, format!("<presence type='{kind}' to='{}'/>", bare(other)));
            }
        }
    }
    world.settle();
}

fn first_actors(world: &World) -> Vec<usize> {
    let mut firsts = BTreeMap::new();
    for actor in &world.actors {
        firsts.entry(actor.account).or_insert(actor.index);
    }
    firsts.into_values().collect()
}

/// One thing happens: mostly what was under way goes on, sometimes a client acts, rarely something breaks.
fn anything(world: &mut World) {
    world.pass(Duration::from_micros(500));
    match world.dice.below(1000) {
        0..=2 => {
            world.crash();
            restart(world);
        }
        3 => {
            // Long enough that whoever is away cannot resume, and whoever was asked must have answered.
            give_up_absent(world);
            world.settle();
            give_up_absent(world);
            world.everybody_may_be_late();
            world.pass(Duration::from_secs(61));
            world.settle();
            world.everybody_may_be_late();
        }
        4 => world.clock_error_us = (world.dice.below(7_200_000) as i64 - 3_600_000) * 1000,
        5..=219 => act(world),
        _ => {
            let moves = world.moves();
            if !moves.is_empty() {
                let next = moves[world.dice.below(moves.len())];
                world.make(next);
            }
        }
    }
}

fn restart(world: &mut World) {
    if let Err(error) = world.start_server() {
        world.ledger.violate("start", format!("the server does not start: {error:?}"));
    }
}

/// Sessions of clients that are away will be over.
fn give_up_absent(world: &mut World) {
    for index in 0..world.actors.len() {
        let actor = &world.actors[index];
        if actor.conn.is_none() && actor.managed.is_some() {
            world.may_end.insert(actor.jid.clone());
            let account = actor.account;
            world.ledger.session_ended(account);
        }
    }
}

/// A client does something.
fn act(world: &mut World) {
    let index = world.dice.below(world.actors.len());
    if world.server.is_none() {
        return;
    }
    let Some(conn) = world.actors[index].conn else {
        let forget = world.dice.permille(150);
        return world.connect(index, forget);
    };
    if world.actors[index].stage != Stage::Bound {
        // A login is interrupted now and then.
        if world.dice.permille(20) {
            world.disconnect(conn);
        }
        return;
    }
    match world.dice.below(100) {
        0..=49 => send_message(world, index),
        50..=69 => {
            let said = world.actors[index].ask();
            world.say(index, said);
        }
        70..=79 => {
            if let Some(said) = world.actors[index].acknowledge() {
                world.say(index, said);
            }
        }
        80..=84 => world.disconnect(conn),
        85..=87 => {
            if let Some(pipe) = world.pipes.get_mut(&conn) {
                pipe.stalled = !pipe.stalled;
            }
        }
        88..=91 => {
            let priority = world.dice.below(5);
            world
                .say_stanza(index, format!("<presence><priority>{priority}</priority></presence>"));
        }
        92..=93 => world.say_raw(index, b"<inactive xmlns='urn:xmpp:csi:0'/>"),
        94..=97 => world.say_raw(index, b"<active xmlns='urn:xmpp:csi:0'/>"),
        _ => {
            // The client leaves in good order.
            world.actors[index].managed = None;
            world.actors[index].leaves = true;
            let account = world.actors[index].account;
            world.ledger.session_leaves(account);
            world.say(index, crate::pipe::Said::End);
            let jid = world.actors[index].jid.clone();
            world.may_end.insert(jid);
            world.actors[index].stage = Stage::Off;
        }
    }
}

fn send_message(world: &mut World, index: usize) {
    let other = world.dice.below(world.actors.len());
    let (from_account, to_account) = (world.actors[index].account, world.actors[other].account);
    let full = world.actors[other].jid.clone();
    let to_session = !full.is_empty() && world.dice.permille(400);
    let to = if to_session { full } else { bare(to_account) };
    let id = world.ledger.send(index, from_account, to_account, to_session);
    let xml = format!("<message type='chat' id='m{id}' to='{to}'><body>{id}</body></message>");
    let said = world.actors[index].stanza(xml, Some(id));
    world.say(index, said);
}

/// Nothing breaks any more: everybody leaves, everything left over finds its way, everybody looks again.
fn come_to_rest(world: &mut World) {
    if world.dice.permille(500) {
        world.crash();
        restart(world);
    }
    for conn in world.pipes.keys().copied().collect::<Vec<_>>() {
        world.disconnect(conn);
    }
    give_up_absent(world);
    world.settle();
    world.everybody_may_be_late();
    world.pass(Duration::from_secs(61));
    world.settle();
    for index in first_actors(world) {
        world.actors[index].manages = true;
        world.connect(index, true);
        world.settle();
        if let Some(said) = world.actors[index].acknowledge() {
            world.say(index, said);
        }
        world.settle();
    }
}

/// What the disk holds, read past the core.
fn archives(world: &World) -> BTreeMap<usize, Vec<MessageId>> {
    let mut archives = BTreeMap::new();
    let accounts: Vec<usize> =
        first_actors(world).iter().map(|i| world.actors[*i].account).collect();
    for account in accounts {
        archives.insert(account, archive(&world.disk, account).unwrap_or_default());
    }
    archives
}

fn archive(disk: &MemoryDisk, account: usize) -> Option<Vec<MessageId>> {
    let store = im_store::memory::MemoryStore::open(disk).ok()?;
    let mut reader = store.reader().ok()?;
    let jid = BareJid::parse(&bare(account)).ok()?;
    let Ok(Reply::Account(Some(row))) = reader.read(&Query::Account(jid)) else { return None };
    let mut ids = Vec::new();
    let mut after = None;
    while let Some(page) = page(&mut reader, row.account, after) {
        after = page.last().map(|(id, _)| *id);
        ids.extend(page.iter().filter_map(|(_, message)| *message));
        if page.is_empty() {
            break;
        }
    }
    Some(ids)
}

fn page(
    reader: &mut im_store::memory::MemoryReader,
    account: AccountId,
    after: Option<StanzaId>,
) -> Option<Vec<(StanzaId, Option<MessageId>)>> {
    let filter = ArchiveFilter { after, ..ArchiveFilter::default() };
    let query = Query::Archive { account, filter, max: 100, from_end: false, count: false };
    let Ok(Reply::Archive(page)) = reader.read(&query) else { return None };
    let number = |bytes: bytes::Bytes| {
        let element = Element::parse(bytes).ok()?;
        element.root().child("body", xmpp::ns::CLIENT)?.text().parse().ok()
    };
    Some(page.stanzas.into_iter().map(|s| (s.id, number(s.bytes))).collect())
}
