//! Row 45: the wall clock jumps and stands still; nothing that is promised for a while depends on it.
//!
//! `sim` does the same in every run, with jumps at random moments (`clock_error_us` in `crates/sim/src/world.rs`).

use attacks::world::World;
use std::time::Duration;

const HOUR_US: u64 = 3_600_000_000;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The value of an attribute.
fn attr(xml: &str, name: &str) -> String {
    xml.split(&format!(" {name}='")).nth(1).unwrap().split('\'').next().unwrap().to_owned()
}

#[test]
fn a_jump_of_the_wall_clock_neither_ends_a_session_nor_keeps_one() {
    for (wall, what) in [
        (1_700_000_000_000_000 + HOUR_US, "an hour ahead"),
        (1_700_000_000_000_000 - HOUR_US, "an hour back"),
        (1_700_000_000_000_000, "standing still"),
        (0, "the epoch"),
        (u64::MAX / 2, "the far future"),
    ] {
        let mut world = World::new(&["romeo", "juliet"]);
        let conn = world.login("romeo", "orchard");
        world.say(conn, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        let previd = attr(&text(world.take(conn)), "id");
        world.lose(conn);
        world.pass(Duration::from_secs(590), wall);
        assert_eq!(world.sessions(), 1, "{what}: the session waits for its client");
        let conn = world.authenticate("romeo");
        world.say(conn, &format!("<resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='0'/>"));
        assert!(text(world.take(conn)).contains("<resumed"), "{what}");
        world.lose(conn);
        world.pass(Duration::from_secs(601), wall);
        assert_eq!(world.sessions(), 0, "{what}: its time is over by the clock that cannot jump");
    }
}

#[test]
fn messages_keep_their_order_while_the_wall_clock_jumps_back_and_forth() {
    let mut world = World::new(&["romeo", "juliet"]);
    let romeo = world.login("romeo", "orchard");
    let start = world.wall_us();
    for n in 0..20_u64 {
        let wall = if n % 2 == 0 { start - n * HOUR_US } else { start + n * HOUR_US };
        world.pass(Duration::from_millis(1), wall);
        world.say(
            romeo,
            &format!("<message to='juliet@localhost' type='chat'><body>m{n}.</body></message>"),
        );
    }
    world.crash();
    let juliet = world.login("juliet", "balcony");
    world.say(juliet, "<presence/>");
    let offline = text(world.take(juliet));
    world.say(juliet, "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    let archive = text(world.take(juliet));
    for heard in [offline, archive] {
        let places: Vec<_> =
            (0..20).map(|n| heard.find(&format!("<body>m{n}.")).expect("all are there")).collect();
        assert!(places.is_sorted(), "{heard}");
    }
}
