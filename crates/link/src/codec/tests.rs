//! Whatever is written is read the same; whatever is read does no harm.

use super::*;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..16).prop_map(|chars| chars.into_iter().collect())
}

fn tls() -> impl Strategy<Value = TlsFacts> {
    let parts = (
        prop::sample::select(&TLS_VERSIONS[..]),
        prop::option::of(text()),
        prop::option::of(any::<[u8; 32]>()),
        prop::option::of(bytes()),
        prop::collection::vec(bytes(), 0..3),
    );
    parts.prop_map(|(version, server_name, exporter, end_point, client_certificates)| TlsFacts {
        version,
        server_name,
        exporter,
        end_point,
        client_certificates,
    })
}

fn peer() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u8; 16], u16, u32, u32)>().prop_map(|(ip, port, flow, scope)| {
            std::net::SocketAddrV6::new(ip.into(), port, flow, scope).into()
        }),
    ]
}

fn facts() -> impl Strategy<Value = ConnFacts> {
    let policy =
        prop::sample::select(vec![TlsPolicy::Required, TlsPolicy::Optional, TlsPolicy::Off]);
    (peer(), policy, prop::option::of(tls())).prop_map(|(peer, tls_policy, tls)| ConnFacts {
        peer,
        tls_policy,
        tls,
    })
}

fn header() -> impl Strategy<Value = StreamHeader> {
    let optional = || prop::option::of(text());
    (optional(), optional(), optional(), any::<Option<(u16, u16)>>(), text()).prop_map(
        |(to, from, lang, version, content_ns)| StreamHeader {
            to,
            from,
            version,
            lang,
            content_ns,
        },
    )
}

fn error() -> impl Strategy<Value = StreamError> {
    (prop::sample::select(StreamCondition::ALL), text(), text())
        .prop_map(|(condition, text, detail)| StreamError { condition, text, detail })
}

fn reason() -> impl Strategy<Value = CloseReason> {
    prop::sample::select(vec![
        CloseReason::PeerGone,
        CloseReason::Ordered,
        CloseReason::TimedOut,
        CloseReason::ShuttingDown,
    ])
}

fn conn() -> impl Strategy<Value = ConnId> {
    any::<u64>().prop_map(ConnId)
}

fn up() -> impl Strategy<Value = Up> {
    prop_oneof![
        (conn(), facts()).prop_map(|(conn, facts)| Up::Opened { conn, facts }),
        (conn(), tls()).prop_map(|(conn, tls)| Up::TlsStarted { conn, tls }),
        (conn(), header()).prop_map(|(conn, header)| Up::Header { conn, header }),
        (conn(), bytes()).prop_map(|(conn, bytes)| Up::Element { conn, bytes }),
        (conn(), error()).prop_map(|(conn, error)| Up::Violated { conn, error }),
        conn().prop_map(|conn| Up::Ended { conn }),
        (conn(), any::<u64>()).prop_map(|(conn, seq)| Up::Written { conn, seq }),
        (conn(), reason()).prop_map(|(conn, reason)| Up::Closed { conn, reason }),
    ]
}

fn down() -> impl Strategy<Value = Down> {
    prop_oneof![
        (conn(), any::<u64>(), bytes()).prop_map(|(conn, seq, bytes)| Down::Send {
            conn,
            seq,
            bytes
        }),
        (conn(), bytes()).prop_map(|(conn, proceed)| Down::StartTls { conn, proceed }),
        conn().prop_map(|conn| Down::Restart { conn }),
        conn().prop_map(|conn| Down::Raise { conn }),
        (conn(), any::<u32>()).prop_map(|(conn, elements)| Down::Credit { conn, elements }),
        (conn(), bytes()).prop_map(|(conn, bytes)| Down::Close { conn, bytes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_the_same_wherever_the_stream_is_cut(
        ups in prop::collection::vec(up(), 0..4),
        downs in prop::collection::vec(down(), 0..4),
        step in 1_usize..50,
    ) {
        let mut stream = Vec::new();
        for up in &ups {
            up.encode(&mut stream).unwrap();
        }
        for down in &downs {
            down.encode(&mut stream).unwrap();
        }
        let (mut received, mut frames) = (BytesMut::new(), Vec::new());
        for piece in stream.chunks(step) {
            received.extend_from_slice(piece);
            while let Some(frame) = take_frame(&mut received).unwrap() {
                frames.push(frame);
            }
        }
        prop_assert!(received.is_empty());
        let (first, second) = frames.split_at(ups.len());
        let read: Vec<_> = first.iter().map(|frame| Up::decode(frame.clone()).unwrap()).collect();
        prop_assert_eq!(read, ups);
        let read: Vec<_> = second.iter().map(|frame| Down::decode(frame.clone()).unwrap()).collect();
        prop_assert_eq!(read, downs);
    }

    #[test]
    fn noise_and_damaged_frames_are_errors_and_never_a_panic(
        up in up(),
        noise in prop::collection::vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let _ = (Up::decode(noise.clone().into()), Down::decode(noise.clone().into()));
        let _ = take_frame(&mut BytesMut::from(&noise[..]));
        let mut frame = Vec::new();
        up.encode(&mut frame).unwrap();
        let mut frame = frame.split_off(LENGTH_BYTES);
        for cut in 0..frame.len() {
            prop_assert!(Up::decode(Bytes::copy_from_slice(&frame[..cut])).is_err());
        }
        let index = at.index(frame.len());
        frame[index] = byte;
        let _ = (Up::decode(frame.clone().into()), Down::decode(frame.into()));
    }

    #[test]
    fn fields_that_a_later_version_added_are_passed_over(up in up(), more in bytes()) {
        let mut frame = Vec::new();
        up.encode(&mut frame).unwrap();
        let mut frame = frame.split_off(LENGTH_BYTES);
        frame.extend_from_slice(&more);
        let ours = Up::decode(frame.clone().into());
        prop_assert_eq!(ours.is_ok(), more.is_empty());
        frame[0] = VERSION + 1;
        prop_assert_eq!(Up::decode(frame.into()).unwrap(), up);
    }
}

#[test]
fn a_frame_longer_than_may_be_is_refused_on_both_sides() {
    let conn = ConnId(1);
    let mut out = vec![9];
    let bytes = Bytes::from(vec![0; FRAME_BYTES_MAX]);
    let error = Down::Close { conn, bytes }.encode(&mut out).unwrap_err();
    assert!(matches!(error, CodecError::TooLong { .. }));
    assert_eq!(out, [9]);
    let mut received = BytesMut::from(&[0xff, 0, 0, 0][..]);
    assert!(matches!(take_frame(&mut received), Err(CodecError::TooLong { .. })));
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let mut out = Vec::new();
    let conn = ConnId(0x0102);
    Down::Send { conn, seq: 3, bytes: Bytes::from_static(b"<a/>") }.encode(&mut out).unwrap();
    let header = [0, 0, 0, 26, 1, 65, 0, 0, 0, 0, 0, 0, 1, 2];
    let fields = [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, b'<', b'a', b'/', b'>'];
    assert_eq!(out, [&header[..], &fields[..]].concat());
}
