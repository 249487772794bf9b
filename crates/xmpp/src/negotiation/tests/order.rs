//! Attack rows 6 and 9: every top-level element in every state, one by one and in random order, against a table that says
//! what is legal. Whatever the table does not name closes the stream.

use super::*;
use At::*;
use Then::*;

/// Where a peer can say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Unopened,
    BeforeTls,
    BeforeLogin,
    Named,
    Challenged,
    LoggedIn,
    Unbound,
    Over,
    Closed,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The peer stands here now.
    To(At),
    /// The login is refused; the peer stands where it can try again.
    Refuse,
    /// An answer that leads nowhere.
    Answer,
}

/// Everything a peer might say, by name.
const WORDS: &[(&str, &str)] = &[
    ("starttls", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    (
        "plain",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>",
    ),
    (
        "plain wrong",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAB3cm9uZw==</auth>",
    ),
    ("plain later", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>"),
    (
        "scram",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biwsbj1qdWxpZXQscj1hYmM=</auth>",
    ),
    ("external", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"),
    (
        "response",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGp1bGlldAByMG0zMG15cjBtMzA=</response>",
    ),
    ("abort", "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
    ("challenge", "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</challenge>"),
    ("success", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
    ("failure", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/></failure>"),
    ("authenticate", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>"),
    ("bind", "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
    ("bind get", "<iq type='get' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
    (
        "session",
        "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    ),
    ("register", "<iq type='set' id='1'><query xmlns='jabber:iq:register'/></iq>"),
    ("auth78", "<iq type='set' id='1'><query xmlns='jabber:iq:auth'/></iq>"),
    ("message", "<message to='romeo@montague.example'><body>hi</body></message>"),
    ("presence", "<presence/>"),
    ("resume", "<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/>"),
    ("enable", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"),
    ("r", "<r xmlns='urn:xmpp:sm:3'/>"),
    ("a", "<a xmlns='urn:xmpp:sm:3' h='0'/>"),
    ("active", "<active xmlns='urn:xmpp:csi:0'/>"),
    (
        "compress",
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    ),
    ("proceed", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    ("unknown", "<unknown xmlns='urn:example:unknown'/>"),
    ("empty ns", "<message xmlns=''/>"),
    ("server ns", "<message xmlns='jabber:server'/>"),
    ("error", "<error xmlns='http://etherx.jabber.org/streams'/>"),
];

/// Said like the others, but it is no element.
const HEADER: &str = "header";

/// All that is legal.
const TABLE: &[(At, &str, Then)] = &[
    (Unopened, HEADER, To(BeforeLogin)),
    (BeforeTls, "starttls", To(Unopened)),
    (BeforeTls, "plain", Refuse),
    (BeforeTls, "plain wrong", Refuse),
    (BeforeTls, "plain later", Refuse),
    (BeforeTls, "scram", Refuse),
    (BeforeTls, "external", Refuse),
    (BeforeLogin, "plain", To(LoggedIn)),
    (BeforeLogin, "plain wrong", Refuse),
    (BeforeLogin, "plain later", To(Named)),
    (BeforeLogin, "scram", To(Challenged)),
    (BeforeLogin, "external", Refuse),
    (BeforeLogin, "response", Refuse),
    (BeforeLogin, "abort", Refuse),
    (BeforeLogin, "challenge", Refuse),
    (BeforeLogin, "success", Refuse),
    (BeforeLogin, "failure", Refuse),
    (BeforeLogin, "register", Answer),
    (Named, "response", To(LoggedIn)),
    (Named, "plain", Refuse),
    (Named, "plain wrong", Refuse),
    (Named, "plain later", Refuse),
    (Named, "scram", Refuse),
    (Named, "external", Refuse),
    (Named, "abort", Refuse),
    (Named, "challenge", Refuse),
    (Named, "success", Refuse),
    (Named, "failure", Refuse),
    (Challenged, "response", Refuse),
    (Challenged, "plain", Refuse),
    (Challenged, "plain wrong", Refuse),
    (Challenged, "plain later", Refuse),
    (Challenged, "scram", Refuse),
    (Challenged, "external", Refuse),
    (Challenged, "abort", Refuse),
    (Challenged, "challenge", Refuse),
    (Challenged, "success", Refuse),
    (Challenged, "failure", Refuse),
    (LoggedIn, HEADER, To(Unbound)),
    (Unbound, "bind", To(Over)),
    (Unbound, "resume", To(Over)),
    (Unbound, "bind get", Answer),
    (Unbound, "enable", Answer),
    (Unbound, "r", Answer),
    (Unbound, "a", Answer),
];

/// What the model knows of a peer.
#[derive(Clone, Copy, Debug)]
struct Model {
    at: At,
    has_tls: bool,
    refusals: u8,
    answers: u8,
}

impl Model {
    fn new(has_tls: bool) -> Self {
        Self { at: Unopened, has_tls, refusals: 0, answers: 0 }
    }

    fn apply(mut self, word: &str) -> Self {
        let then = TABLE.iter().find(|(at, legal, _)| *at == self.at && *legal == word);
        self.at = match then.map(|(.., then)| *then) {
            None => Closed,
            Some(To(BeforeLogin)) if !self.has_tls => BeforeTls,
            Some(To(Over)) if self.answers == IDLE_ANSWERS_MAX => Closed,
            Some(To(at)) => {
                self.has_tls |= word == "starttls";
                at
            }
            Some(Refuse) => {
                self.refusals += 1;
                match self.refusals {
                    3.. => Closed,
                    _ if self.has_tls => BeforeLogin,
                    _ => BeforeTls,
                }
            }
            Some(Answer) => {
                self.answers += 1;
                if self.answers > IDLE_ANSWERS_MAX { Closed } else { self.at }
            }
        };
        self
    }
}

fn at(negotiation: &Negotiation) -> At {
    match &negotiation.state {
        State::ExpectHeader(_) => Unopened,
        State::ExpectStartTls(_) => BeforeTls,
        State::ExpectAuth(_) => BeforeLogin,
        State::ExpectInitialResponse(_) => Named,
        State::ExpectResponse(_) => Challenged,
        State::ExpectHeaderAfterAuth(_) => LoggedIn,
        State::ExpectBind(_) => Unbound,
        State::ExpectOutcome(_) => Over,
        State::Closed => Closed,
        waiting => panic!("every order is answered by the peer of this test: {waiting:?}"),
    }
}

/// Says one word to the real thing and compares it with the model.
fn step(peer: &mut Peer, model: &mut Model, word: &str, path: &[&str]) {
    let before = model.at;
    *model = model.apply(word);
    let answer = match WORDS.iter().find(|(name, _)| *name == word) {
        Some((_, xml)) => peer.say(xml),
        None => peer.open(),
    };
    if word == "starttls" && before == BeforeTls {
        peer.hear(Heard::TlsStarted(bindings()));
    }
    assert_eq!(at(&peer.negotiation), model.at, "{word} in {before:?} after {path:?}: {answer}");
    // The account is in only where the table led there, and the stream ends aloud.
    assert_eq!(answer.contains("[authenticated"), model.at == LoggedIn && before != LoggedIn);
    if before == Closed {
        assert_eq!(answer, "", "{path:?}");
    } else if model.at == Closed {
        assert!(answer.contains("[close] ") && answer.ends_with("</stream:stream>\n"), "{answer}");
    } else {
        assert!(!answer.contains("[close]"), "{answer}");
    }
}

fn fresh(has_tls: bool) -> (Peer, Model) {
    let config = Config { registration: true, ..Config::default() };
    (Peer::new(config, has_tls.then(bindings)), Model::new(has_tls))
}

fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(name, _)| *name).chain([HEADER])
}

#[test]
fn in_every_state_exactly_what_the_table_names_is_legal() {
    let ways: &[(bool, &[&str])] = &[
        (false, &[]),
        (false, &[HEADER]),
        (false, &[HEADER, "starttls"]),
        (false, &[HEADER, "starttls", HEADER]),
        (true, &[]),
        (true, &[HEADER]),
        (true, &[HEADER, "plain later"]),
        (true, &[HEADER, "scram"]),
        (true, &[HEADER, "plain"]),
        (true, &[HEADER, "plain", HEADER]),
        (true, &[HEADER, "plain", HEADER, "bind"]),
        (true, &[HEADER, "unknown"]),
    ];
    for (has_tls, way) in ways {
        for word in words() {
            let (mut peer, mut model) = fresh(*has_tls);
            for (at, passed) in way.iter().enumerate() {
                step(&mut peer, &mut model, passed, &way[..at]);
            }
            step(&mut peer, &mut model, word, way);
        }
    }
}

#[test]
fn no_order_of_elements_leads_anywhere_the_table_does_not() {
    let all: Vec<&str> = words().collect();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut reached = [0_u32; 9];
    for round in 0..3000 {
        let (mut peer, mut model) = fresh(round % 2 == 0);
        let mut path = Vec::new();
        for _ in 0..24 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Mostly something legal, so that the walk gets far; else anything.
            let legal: Vec<&str> =
                TABLE.iter().filter(|(at, ..)| *at == model.at).map(|(_, word, _)| *word).collect();
            let from = if random.is_multiple_of(8) || legal.is_empty() { &all } else { &legal };
            let word = from[(random >> 16) as usize % from.len()];
            step(&mut peer, &mut model, word, &path);
            reached[model.at as usize] += 1;
            path.push(word);
            if model.at == Closed {
                break;
            }
            if model.at == Over {
                peer.negotiation.reopen();
                model.at = Unbound;
                model.answers += 1;
            }
        }
    }
    assert!(reached.iter().all(|times| *times > 50), "some state was hardly seen: {reached:?}");
}

#[test]
fn a_stream_is_opened_at_most_three_times() {
    let (mut peer, mut model) = fresh(false);
    for word in [HEADER, "starttls", HEADER, "plain", HEADER] {
        step(&mut peer, &mut model, word, &[]);
    }
    assert_eq!(model.at, Unbound);
    let said = peer.open();
    assert_eq!(stream_error(&said), Some("policy-violation"));
}

#[test]
fn the_stream_error_says_whether_it_is_too_early_or_not_understood() {
    for (word, before_login, unbound) in [
        ("message", "not-authorized", "not-authorized"),
        ("presence", "not-authorized", "not-authorized"),
        ("session", "not-authorized", "not-authorized"),
        ("unknown", "unsupported-stanza-type", "unsupported-stanza-type"),
        ("compress", "unsupported-stanza-type", "unsupported-stanza-type"),
        ("empty ns", "unsupported-stanza-type", "unsupported-stanza-type"),
        ("server ns", "unsupported-stanza-type", "unsupported-stanza-type"),
        (HEADER, "policy-violation", "policy-violation"),
        ("bind", "not-authorized", ""),
        ("plain", "", "policy-violation"),
    ] {
        for (way, expected) in
            [(&[HEADER][..], before_login), (&[HEADER, "plain", HEADER][..], unbound)]
        {
            let (mut peer, mut model) = fresh(true);
            for passed in way {
                step(&mut peer, &mut model, passed, &[]);
            }
            let answer = match WORDS.iter().find(|(name, _)| *name == word) {
                Some((_, xml)) => peer.say(xml),
                None => peer.open(),
            };
            assert_eq!(stream_error(&answer).unwrap_or(""), expected, "{word} after {way:?}");
        }
    }
}
