//! Row 32: nobody reaches what belongs to somebody else, whether there is such a person or not, and no paging string is
//! more than a string.

use crate::raw::Raw;
use crate::service::{Door, Service};

/// What is private, as requests for it.
const REQUESTS: &[(&str, &str)] = &[
    ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
    ("get", "<query xmlns='urn:xmpp:mam:2'/>"),
    ("get", "<metadata xmlns='urn:xmpp:mam:2'/>"),
    ("get", "<prefs xmlns='urn:xmpp:mam:2'/>"),
    ("set", "<prefs xmlns='urn:xmpp:mam:2' default='never'/>"),
    ("get", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"),
    (
        "set",
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>x</storage></query>",
    ),
    ("set", "<vCard xmlns='vcard-temp'><FN>not me</FN></vCard>"),
    ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"),
    ("set", "<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>"),
    ("set", "<unblock xmlns='urn:xmpp:blocking'/>"),
    ("get", "<query xmlns='jabber:iq:roster'/>"),
    ("set", "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>"),
    ("get", "<query xmlns='jabber:iq:register'/>"),
    ("set", "<query xmlns='jabber:iq:register'><remove/></query>"),
    (
        "set",
        "<query xmlns='jabber:iq:register'><username>juliet</username><password>x</password></query>",
    ),
    ("get", "<query xmlns='jabber:iq:last'/>"),
    ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
    ("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
    ("set", "<enable xmlns='urn:xmpp:carbons:2'/>"),
    ("set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"),
    ("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind>"),
];

fn ask(raw: &mut Raw, kind: &str, to: Option<&str>, payload: &str) -> String {
    let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
    raw.say(format!("<iq type='{kind}' id='ask'{to}>{payload}</iq>"));
    raw.hear("id='ask'") + &raw.sync()
}

#[test]
fn what_belongs_to_somebody_else_is_closed_whether_they_exist_or_not() {
    let service = Service::with("");
    let mut juliet = Raw::online(&service, Door::Open, "juliet", "balcony");
    let secret = "<storage xmlns='storage:bookmarks'>canary</storage>";
    ask(&mut juliet, "set", None, &format!("<query xmlns='jabber:iq:private'>{secret}</query>"));
    ask(&mut juliet, "set", None, "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>");
    juliet.say("<message to='juliet@localhost'><body>canary</body></message>");
    juliet.sync();
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    for (kind, payload) in REQUESTS {
        let known = ask(&mut romeo, kind, Some("juliet@localhost"), payload);
        let unknown = ask(&mut romeo, kind, Some("nobody@localhost"), payload);
        assert!(known.contains("type='error'"), "{payload}: {known}");
        assert!(!known.contains("canary"), "{payload}: {known}");
        assert_eq!(known.replace("juliet@", "X@"), unknown.replace("nobody@", "X@"), "{payload}");
    }
    let heard = juliet.sync();
    assert!(!heard.contains("<iq type='set'") && !heard.contains("type='get'"), "{heard}");
    let kept = ask(
        &mut juliet,
        "get",
        None,
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>",
    );
    assert!(kept.contains("canary"), "{kept}");
    let card = ask(&mut romeo, "get", Some("juliet@localhost"), "<vCard xmlns='vcard-temp'/>");
    assert!(card.contains("Juliet") && !card.contains("not me"), "{card}");
}

#[test]
fn strings_of_a_query_are_strings_and_no_page_is_without_end() {
    let mut service = Service::with("");
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    for n in 0..300 {
        romeo.say(format!("<message to='juliet@localhost'><body>m{n}</body></message>"));
    }
    romeo.sync();
    let rsm = |inner: &str| {
        format!(
            "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>{inner}</set></query>"
        )
    };
    for text in [
        "' OR 1=1 --",
        "1'; DROP TABLE archive; --",
        "\" OR \"\"=\"",
        "0) UNION SELECT * FROM accounts --",
        "%",
        "_",
        "\\",
        "-1",
        "18446744073709551616",
        "1 OR 1",
        "x'00'",
        "../../etc/passwd",
    ] {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        for inner in ["after", "before"] {
            let answer = ask(
                &mut romeo,
                "set",
                None,
                &rsm(&format!("<max>5</max><{inner}>{text}</{inner}>")),
            );
            assert!(answer.contains("type='error'"), "{text}: {answer}");
            assert!(!answer.contains("<body>"), "{text}: {answer}");
        }
        let form = format!(
            "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
             <field var='with'><value>{}</value></field></x></query>",
            text.replace('\'', "&apos;").replace('"', "&quot;")
        );
        let answer = ask(&mut romeo, "set", None, &form);
        assert!(!answer.contains("<body>"), "{text}: {answer}");
    }
    for max in ["1000000000", "4294967296", "18446744073709551615"] {
        let answer = ask(&mut romeo, "set", None, &rsm(&format!("<max>{max}</max>")));
        assert!(answer.matches("<body>").count() <= 250, "{max}");
    }
    let answer = ask(&mut romeo, "set", None, &rsm("<max>0</max>"));
    assert!(answer.contains("<count>300</count>") && !answer.contains("<body>"), "{answer}");
    for bad in ["-1", "x", "", "1e9"] {
        let answer = ask(&mut romeo, "set", None, &rsm(&format!("<max>{bad}</max>")));
        assert!(answer.matches("<body>").count() <= 250, "{bad}: {answer:.200}");
    }
    assert!(service.is_running());
    let answer = ask(&mut romeo, "set", None, &rsm("<max>3</max><before/>"));
    assert!(answer.contains("<body>m299</body>"), "the archive is as it was: {answer}");
}

/// Connections that ask for pages and do not read them, and how many pages each wants.
const READERS: usize = 10;
const PAGES: usize = 200;
/// A page is 1 MiB at most; each connection may have two of them on its way, and the readers of the store some.
const PAGES_KIB_MAX: u64 = 64 * 1024;

#[test]
fn pages_that_nobody_reads_cost_little() {
    let service = Service::with("");
    let mut juliet = Raw::login(&service, Door::Open, "juliet", "balcony");
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    let body = "x".repeat(200_000);
    for n in 0..100 {
        romeo.say(format!("<message to='juliet@localhost'><body>{n}{body}</body></message>"));
    }
    romeo.sync();
    juliet.sync();
    let before = service.resident_kib();
    let lazy: Vec<Raw> = (0..READERS)
        .map(|n| {
            let mut raw = Raw::login(&service, Door::Open, "romeo", &format!("lazy{n}"));
            let query = "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>\
                         <max>250</max></set></query>";
            let asked = (0..PAGES).map(|n| format!("<iq type='set' id='p{n}'>{query}</iq>"));
            raw.say(asked.collect::<String>());
            raw
        })
        .collect();
    let mut most = 0;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(3);
    while std::time::Instant::now() < until {
        juliet.sync();
        most = most.max(service.resident_kib());
    }
    eprintln!("{most} KiB for {READERS} clients that do not read their pages, {before} before");
    assert!(most <= before + PAGES_KIB_MAX, "{most} KiB, {before} before");
    for mut raw in lazy {
        assert!(raw.hear("<forwarded").contains("<result"));
    }
    juliet.sync();
}
