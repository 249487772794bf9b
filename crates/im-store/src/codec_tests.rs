//! Tests of the codec.

use super::{Malformed, VERSION, decode, decode_render, encode, encode_render, writes};
use crate::conformance::{Universe, random_batch};
use crate::{AccountId, Batch, CarbonKind, Content, Render, SessionId, StanzaId, Write};
use bytes::Bytes;
use proptest::prelude::*;
use xmpp::jid::BareJid;

fn encoded(batch: &Batch) -> Bytes {
    let mut out = Vec::new();
    encode(batch, &mut out);
    out.into()
}

#[test]
fn a_batch_is_decoded_as_it_was() {
    let peer = BareJid::parse("juliet@example.org").unwrap();
    let render = Render {
        stanza_id: true,
        delay: true,
        carbon: Some(CarbonKind::Received),
        to: Some("romeo@example.org".into()),
        also: vec![SessionId(3), SessionId(u64::MAX)],
    };
    let mut batch = Batch {
        writes: vec![
            Write::Archive {
                account: AccountId(u64::MAX),
                id: StanzaId(1),
                peer,
                peer_resource: Some("".into()),
            },
            Write::SessionRemove { session: SessionId(0) },
            Write::QueueAppend {
                session: SessionId(128),
                seq: 127,
                content: Content::Stored(StanzaId(300), render),
            },
        ],
    };
    assert_eq!(decode(&encoded(&batch)), Ok(batch.clone()));
    let mut universe = Universe::new(1);
    for _ in 0..200 {
        batch.writes.extend(random_batch(&mut universe).writes);
    }
    assert_eq!(decode(&encoded(&batch)), Ok(batch));
    assert_eq!(decode(&encoded(&Batch::default())), Ok(Batch::default()));
}

/// What is on disks must stay readable: these bytes never change.
#[test]
fn the_encoding_of_version_1_is_as_it_was() {
    let batch = Batch {
        writes: vec![
            Write::Stanza { id: StanzaId(300), bytes: Bytes::from_static(b"<a/>"), archived: true },
            Write::QueueTrim { session: SessionId(2), up_to: 1 },
        ],
    };
    assert_eq!(&encoded(&batch)[..], b"\x01\x05\xac\x02\x04<a/>\x01\x0e\x02\x01");
}

#[test]
fn what_no_encoder_writes_is_refused() {
    let cases: [(&[u8], Malformed); 9] = [
        (b"", Malformed::Truncated),
        (b"\x02", Malformed::Version(2)),
        (b"\x01\x00\x00", Malformed::Tag(0)),
        (b"\x01\x63\x00", Malformed::Tag(99)),
        (b"\x01\x05", Malformed::Truncated),
        (b"\x01\x05\x01\x04<a>", Malformed::Truncated),
        (b"\x01\x05\x01\x00\x02", Malformed::Value("a flag")),
        (b"\x01\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Malformed::Value("an integer")),
        (b"\x01\x04\x01\x01\x01\xff", Malformed::Value("a text")),
    ];
    for (bytes, expect) in cases {
        assert_eq!(decode(&Bytes::from_static(bytes)), Err(expect), "{bytes:?}");
    }
}

#[test]
fn a_render_with_flags_nobody_knows_is_refused() {
    for bytes in [&b"\x20"[..], b"\x0c", b"\x00to", b""] {
        assert!(decode_render(bytes).is_err(), "{bytes:?}");
    }
    let mut out = Vec::new();
    encode_render(&Render { to: Some("".into()), ..Render::default() }, &mut out);
    assert_eq!(decode_render(&out).unwrap().to.as_deref(), Some(""));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&Bytes::from(bytes.clone()));
        let _ = decode_render(&bytes);
        let mut versioned = vec![VERSION];
        versioned.extend(bytes);
        prop_assert!(writes(&versioned).unwrap().count() <= versioned.len());
        let _ = decode(&Bytes::from(versioned));
    }

    #[test]
    fn a_damaged_batch_is_refused_or_decoded_but_never_a_panic(
        seed in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&random_batch(&mut Universe::new(seed))).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = decode(&Bytes::from(bytes));
    }
}
