//! Addresses as RFC 7622 has them: its own examples, lengths, homographs, spellings (attack list, row 23).

use proptest::prelude::*;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use xmpp::jid::{BareJid, Jid, prepare_local, prepare_resource};

fn check(text: &str, expect: &str) {
    match Jid::parse(text) {
        Ok(jid) => assert_eq!(jid.to_string(), expect, "{text:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn refuse(text: &str) {
    assert!(Jid::parse(text).is_err(), "{text:?} was taken as {:?}", Jid::parse(text));
}

#[test]
fn the_valid_examples_of_rfc_7622() {
    check("juliet@example.com", "juliet@example.com");
    check("juliet@example.com/foo", "juliet@example.com/foo");
    check("juliet@example.com/foo bar", "juliet@example.com/foo bar");
    check("juliet@example.com/foo@bar", "juliet@example.com/foo@bar");
    check("foo\\20bar@example.com", "foo\\20bar@example.com");
    check("fussball@example.com", "fussball@example.com");
    // Servers that still fold with nodeprep see one name here, so that we must as well.
    check("fu\u{df}ball@example.com", "fussball@example.com");
    check("\u{3c0}@example.com", "\u{3c0}@example.com");
    check("\u{3a3}@example.com/foo", "\u{3c3}@example.com/foo");
    check("\u{3c3}@example.com/foo", "\u{3c3}@example.com/foo");
    check("\u{3c2}@example.com/foo", "\u{3c3}@example.com/foo");
    check("king@example.com/\u{265a}", "king@example.com/\u{265a}");
    check("example.com", "example.com");
    check("example.com/foobar", "example.com/foobar");
    check("a.example.com/b@example.net", "a.example.com/b@example.net");
}

#[test]
fn the_invalid_examples_of_rfc_7622() {
    refuse("\"juliet\"@example.com");
    refuse("foo bar@example.com");
    refuse("juliet@example.com/");
    refuse("@example.com/");
    refuse("henry\u{2163}@example.com");
    refuse("\u{265a}@example.com");
    refuse("juliet@");
    refuse("/foobar");
}

#[test]
fn what_has_no_place_in_a_part_is_refused() {
    for c in [
        "\"",
        "&",
        "'",
        ":",
        "<",
        ">",
        " ",
        "\t",
        "\0",
        "\u{7f}",
        "\u{a0}",
        "\u{3000}",
        "\u{2028}",
        "\u{e000}",
        "\u{ffff}",
        "\u{fdd0}",
        "\u{2122}",
        "\u{1f600}",
        "\u{0640}",
        "\u{1100}",
        "\u{378}",
    ] {
        refuse(&format!("a{c}b@example.com"));
    }
    for c in [
        "\0", "\t", "\n", "\u{7f}", "\u{85}", "\u{2028}", "\u{e000}", "\u{ffff}", "\u{fdd0}",
        "\u{200e}", "\u{378}", "\u{fffd}",
    ] {
        refuse(&format!("a@example.com/x{c}y"));
    }
    for domain in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a b",
        "a_b c",
        "-a",
        "a-",
        "a:5222",
        "[::1",
        "::1",
        "[1.2.3.4]",
        "[fe80::1%1]",
        "a\0b",
        "a<b",
        "xn--",
        "xn--a",
        "xn--\u{fc}",
        "a\u{fffd}",
        "\u{378}.com",
        "a\u{200b}\u{2028}b",
        "a..",
        "\u{3002}",
    ] {
        refuse(domain);
        refuse(&format!("a@{domain}"));
    }
    refuse("");
    refuse("@");
    refuse("/");
    refuse("a@b@c");
    refuse("@a");
    refuse("\u{ad}@a.com");
    refuse("a@b.com/\u{ad}");
}

#[test]
fn domains_are_one_spelling_each() {
    check("Example.COM", "example.com");
    check("example.com.", "example.com");
    check("a@Example.com./R", "a@example.com/R");
    check("EX\u{c4}MPLE.org", "ex\u{e4}mple.org");
    check("xn--exmple-cua.org", "ex\u{e4}mple.org");
    check("XN--EXMPLE-CUA.org", "ex\u{e4}mple.org");
    check("\u{ff45}xample.com", "example.com");
    check("example\u{3002}com", "example.com");
    check("127.0.0.1", "127.0.0.1");
    check("a@[::1]/b", "a@[::1]/b");
    check("[2001:DB8:0:0::1]", "[2001:db8::1]");
    check("my_host", "my_host");
    check("\u{5e9}\u{5dc}\u{5d5}\u{5dd}.com", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.com");
}

#[test]
fn localparts_are_one_spelling_each() {
    check("Juliet@a", "juliet@a");
    check("\u{ff2a}uliet@a", "juliet@a");
    check("JU\u{308}RGEN@a", "j\u{fc}rgen@a");
    check("\u{212b}@a", "\u{e5}@a");
    check("\u{130}@a", "i\u{307}@a");
    check("\u{1e9e}@a", "ss@a");
    check("ju\u{ad}liet@a", "juliet@a");
    check("a!#$%()*+,-.;=?[\\]^_`{|}~@a", "a!#$%()*+,-.;=?[\\]^_`{|}~@a");
    check("\u{10d0}\u{1c90}@a", "\u{10d0}\u{10d0}@a");
    check("\u{30a2}\u{30fb}\u{30a2}@a", "\u{30a2}\u{30fb}\u{30a2}@a");
    refuse("a\u{30fb}b@a");
    check("l\u{b7}l@a", "l\u{b7}l@a");
    refuse("a\u{b7}a@a");
    // Homographs are other names, not the same one.
    assert_ne!(Jid::parse("p\u{430}ypal@a").unwrap(), Jid::parse("paypal@a").unwrap());
}

#[test]
fn resources_keep_their_case() {
    check("a@b/Home", "a@b/Home");
    check("a@b/ x / y@z ", "a@b/ x / y@z ");
    check("a@b/a\u{a0}b", "a@b/a b");
    check("a@b/A\u{30a}", "a@b/\u{c5}");
    check("a@b/\u{1f600}", "a@b/\u{1f600}");
    check("a@b/\u{1f468}\u{200d}\u{1f469}", "a@b/\u{1f468}\u{1f469}");
}

#[test]
fn directions_of_writing_do_not_mix() {
    check("\u{627}\u{628}@a", "\u{627}\u{628}@a");
    check("\u{5d0}1\u{5d0}@a", "\u{5d0}1\u{5d0}@a");
    refuse("a\u{627}@a");
    refuse("\u{627}1@a");
    refuse("1\u{627}@a");
    refuse("a@b/x\u{627}");
    refuse("a\u{202e}b@a");
    refuse("\u{627}\u{661}\u{6f1}\u{627}@a");
}

#[test]
fn each_part_has_1_to_1023_bytes() {
    let label = "a".repeat(63);
    let domain = |n: usize| {
        let whole = [label.as_str(); 17].join(".");
        whole[whole.len() - n..].to_owned()
    };
    let parts = |local: usize, domain_len: usize, resource: usize| {
        format!("{}@{}/{}", "a".repeat(local), domain(domain_len), "r".repeat(resource))
    };
    check(&parts(1023, 1023, 1023), &parts(1023, 1023, 1023));
    refuse(&parts(1024, 1023, 1023));
    refuse(&parts(1023, 1024, 1023));
    refuse(&parts(1023, 1023, 1024));
    refuse(&"a".repeat(64));
    refuse(&format!("{}.com", "\u{fc}".repeat(63)));
    refuse(&format!("{}@b", "\u{fc}".repeat(512)));
    check(&format!("{}\u{e9}@b", "a".repeat(1021)), &format!("{}\u{e9}@b", "a".repeat(1021)));
    refuse(&"\u{fc}".repeat(100_000));
    refuse(&format!("a@b/{}", "\u{fc}".repeat(1_000_000)));
    let error = Jid::parse(&"<".repeat(100_000)).unwrap_err();
    assert_eq!(error.text.len(), 64);
}

#[test]
fn parts_come_back() {
    let jid = Jid::parse("Romeo@Example.net/Orchard").unwrap();
    assert_eq!(
        (jid.local(), jid.domain(), jid.resource()),
        (Some("romeo"), "example.net", Some("Orchard"))
    );
    assert!(jid.is_full() && !jid.bare().is_domain());
    let juliet = BareJid::from_parts("Juliet", "EXAMPLE.org.").unwrap();
    assert_eq!(juliet.as_str(), "juliet@example.org");
    assert_eq!(jid.with_bare(juliet.clone()).to_string(), "juliet@example.org/Orchard");
    assert_eq!(
        juliet.with_resource(prepare_resource("b").unwrap()).to_string(),
        "juliet@example.org/b"
    );
    assert!(jid.clone().into_bare() == Jid::parse("romeo@example.net").unwrap());
    assert!(jid != *jid.bare());
    let domain = BareJid::domain_only("Example.org").unwrap();
    assert_eq!((domain.local(), domain.domain(), domain.is_domain()), (None, "example.org", true));
    assert!(BareJid::parse("a@b/c").is_err());
    assert!(BareJid::domain_only("a@b").is_err() && BareJid::domain_only("b/c").is_err());
    assert!(BareJid::from_parts("a@b", "c").is_err() && BareJid::from_parts("", "c").is_err());
    assert!(BareJid::from_parts("a", "b/c").is_err() && prepare_local("a/b").is_err());
    assert_eq!(prepare_local("Romeo").unwrap(), "romeo");
    assert!(prepare_resource("").is_err());
}

fn hash(jid: &Jid) -> u64 {
    let mut hasher = DefaultHasher::new();
    jid.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #![proptest_config(crate::always_the_same(2000))]

    #[test]
    fn a_prepared_address_is_its_own_preparation(text in "\\PC{1,6}@[a-zA-Zäß.]{1,8}(/\\PC{1,6})?") {
        if let Ok(jid) = Jid::parse(&text) {
            let again = Jid::parse(&jid.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&jid));
            prop_assert_eq!(hash(&again.unwrap()), hash(&jid));
        }
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in "\\PC*") {
        if let Ok(jid) = Jid::parse(&text) {
            prop_assert_eq!(Jid::parse(&jid.to_string()), Ok(jid));
        }
    }

    #[test]
    fn equal_text_and_equal_addresses_are_the_same(a in "[aA@/.]{1,6}", b in "[aA@/.]{1,6}") {
        if let (Ok(a), Ok(b)) = (Jid::parse(&a), Jid::parse(&b)) {
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
        }
    }
}
