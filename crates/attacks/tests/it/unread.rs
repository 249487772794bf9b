//! Row 27, and the part of row 28 that is about stanzas nobody acknowledges: a recipient that never reads while many write.

use crate::raw::Raw;
use crate::service::{Door, PASSWORD, Plan, Service};
use std::collections::BTreeSet;
use testkit::client::{Client, Heard, Login, Resumption};
use testkit::transport::Security;

/// Who writes; the list says a thousand.
const SENDERS: [&str; 4] = ["a", "b", "c", "d"];
/// Messages of each.
const EACH: usize = 500;
/// Bytes of each message.
const BYTES: usize = 12 * 1024;
/// How often they do it: 96 MiB in all.
const ROUNDS: usize = 4;
/// What the process may grow by once the store's log and caches have their size, which is after the first round.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

/// Everybody writes at once, and waits until the server has all of it.
fn write(service: &Service, round: usize) {
    let filler = "x".repeat(BYTES);
    std::thread::scope(|scope| {
        for sender in SENDERS {
            let filler = &filler;
            scope.spawn(move || {
                let mut raw = Raw::login(service, Door::Open, sender, "r");
                for n in round * EACH..(round + 1) * EACH {
                    raw.say(format!(
                        "<message to='juliet@localhost/balcony' type='chat' id='{sender}{n}'>\
                         <body>{filler}</body></message>"
                    ));
                    if n % 50 == 49 {
                        raw.sync();
                    }
                }
            });
        }
    });
}

#[tokio::test]
async fn a_recipient_that_never_reads_costs_little_and_finds_everything_later() {
    let mut accounts = vec!["juliet"];
    accounts.extend(SENDERS);
    let service = Service::start(Plan {
        accounts,
        toml: "[sessions]\nqueue_stanzas_max = 20_000",
        ..Plan::default()
    });
    let mut juliet = service.client(Security::Plain, "juliet", "balcony").await;
    juliet.enable_sm().await.unwrap();
    juliet.come_online().await.unwrap();
    let sizes: Vec<u64> = (0..ROUNDS)
        .map(|round| {
            write(&service, round);
            service.resident_kib()
        })
        .collect();
    eprintln!("KiB while nobody reads {} messages a round: {sizes:?}", SENDERS.len() * EACH);
    let grown = sizes[ROUNDS - 1].saturating_sub(sizes[0]);
    assert!(grown <= GROWTH_KIB_MAX, "{grown} KiB");
    // The connection breaks with everything still in it; nothing of it was acknowledged.
    let state = juliet.sm.clone().unwrap();
    juliet.drop_connection();
    let login = Login::new("juliet", PASSWORD, "balcony");
    let endpoint = service.endpoint(Security::Plain);
    let Resumption::Resumed(mut again) = Client::resume(&endpoint, &login, state).await.unwrap()
    else {
        panic!("the session is gone");
    };
    let mut seen = BTreeSet::new();
    let mut last = std::collections::BTreeMap::new();
    while seen.len() < SENDERS.len() * EACH * ROUNDS {
        let deadline = tokio::time::Instant::now() + crate::service::PATIENCE;
        let Heard::Element(e) = again.hear(deadline).await.unwrap() else { panic!("it ended") };
        let Some(id) = e.attr("id").filter(|_| e.name == "message").map(str::to_owned) else {
            continue;
        };
        let (sender, n) = id.split_at(1);
        let n: usize = n.parse().unwrap();
        let before = last.insert(sender.to_owned(), n);
        assert!(before.is_none_or(|before| before < n), "{id} came after {before:?}");
        assert!(seen.insert(id.clone()), "{id} came twice");
    }
}
