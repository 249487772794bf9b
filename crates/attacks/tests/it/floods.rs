//! Rows 26 and 28: floods of presence, and stream management used against the server.

use crate::raw::Raw;
use crate::service::{Door, Service};
use std::time::{Duration, Instant};

/// Presence that is sent as fast as possible.
const FLOOD: usize = 1_500;
/// What the service of the flood allows, per second and at once.
const PER_SECOND: f64 = 100.0;
const BURST: f64 = 100.0;

#[test]
fn a_flood_of_presence_is_slowed_down_and_reaches_others_at_the_rate_allowed() {
    let service = Service::with(
        "[limits]\nstanzas_per_second = 100\nstanzas_burst = 100\ncopies_per_second = 100",
    );
    let mut juliet = Raw::online(&service, Door::Open, "juliet", "balcony");
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    let begun = Instant::now();
    let flood = (0..FLOOD).map(|n| {
        format!("<presence to='juliet@localhost/balcony'><status>{n}</status></presence>")
    });
    romeo.say(flood.collect::<String>());
    // Others are served meanwhile, and the copies that arrive are bounded by the time that has passed.
    let mut copies = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        copies += juliet.sync().matches("<status>").count();
        let allowed = BURST + PER_SECOND * begun.elapsed().as_secs_f64() + 20.0;
        assert!(copies as f64 <= allowed, "{copies} copies, {allowed} are allowed");
    }
    assert!(copies > 0, "the flood is slowed down, not cut off");
    let handled = service.metric("steadfast_stanzas_in_total") as f64;
    // Both sessions, with what each may have on its way when it is stopped.
    let allowed = 2.0 * (BURST + PER_SECOND * begun.elapsed().as_secs_f64() + 40.0);
    assert!(handled <= allowed, "{handled} stanzas, {allowed} are allowed");
}

#[test]
fn directed_presence_goes_to_a_bounded_number_of_addresses() {
    let service = Service::with("");
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    for n in 0..1_100 {
        romeo.say(format!("<presence to='u{n}@localhost'/>"));
    }
    romeo.sync();
    let before = service.metric("steadfast_stanzas_out_total");
    romeo.say("<presence type='unavailable'/>");
    romeo.sync();
    let fan_out = service.metric("steadfast_stanzas_out_total") - before;
    assert!(fan_out <= 1_100, "one presence became {fan_out}");
}

fn managed(service: &Service) -> Raw {
    let mut raw = Raw::login(service, Door::Open, "romeo", "orchard");
    raw.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    raw.hear("<enabled");
    raw.say("<presence/>");
    raw
}

#[test]
fn acknowledging_what_was_never_sent_ends_the_stream() {
    let mut service = Service::with("");
    for h in ["1000", "4294967295", "2147483648"] {
        let mut raw = managed(&service);
        raw.say(format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"));
        let heard = raw.hear_end();
        assert!(heard.contains("undefined-condition"), "{heard}");
        assert!(heard.contains("handled-count-too-high"), "{heard}");
    }
    for h in ["-1", "4294967296", "x", "", " 1", "99999999999999999999"] {
        let mut raw = managed(&service);
        raw.say(format!(
            "<a xmlns='urn:xmpp:sm:3' h='{h}'/><r xmlns='urn:xmpp:sm:3'/></stream:stream>"
        ));
        let heard = raw.hear_end();
        assert!(heard.contains("</stream:stream>"), "{heard}");
    }
    assert!(service.is_running());
}

#[test]
fn asking_for_acknowledgements_without_end_costs_only_the_one_who_asks() {
    let service = Service::with("[limits]\nstanzas_per_second = 1_000_000");
    let mut juliet = Raw::online(&service, Door::Open, "juliet", "balcony");
    let mut raw = managed(&service);
    raw.sync();
    let before = service.resident_kib();
    // It sends and does not read, until the server does not read either.
    let writer = std::thread::spawn(move || {
        let requests = "<r xmlns='urn:xmpp:sm:3'/>".repeat(1_000);
        let sent = (0..100).take_while(|_| raw.say(&requests)).count();
        (raw, sent)
    });
    for _ in 0..50 {
        juliet.sync();
    }
    let (mut raw, sent) = writer.join().unwrap();
    assert!(sent > 0);
    let grown = service.resident_kib().saturating_sub(before);
    assert!(grown <= 24 * 1024, "{grown} KiB for requests nobody reads the answers of");
    raw.say("</stream:stream>");
    let heard = raw.hear_end();
    assert!(heard.contains("<a "), "{heard:.300}");
    juliet.sync();
}
