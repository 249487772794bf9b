//! TLS from the first byte and by STARTTLS, what it proves, and the certificate's change while running.

use crate::world::{ANSWER, Client, Dribble, HEADER, TlsClient, World, files, limits, shake_hands};
use bytes::Bytes;
use link::{CloseReason, Down, TlsFacts, Up};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use std::io::Write;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PROCEED: &[u8] = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn end_point(world: &World) -> Vec<u8> {
    let leaf = CertificateDer::from_pem_file(files(world.folder.path(), "ours").certificate);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf.unwrap());
    digest.as_ref().to_vec()
}

fn check_facts(world: &World, facts: &TlsFacts, version: &str, exporter: Option<[u8; 32]>) {
    assert_eq!(facts.version, version);
    assert_eq!(facts.server_name.as_deref(), Some("example.org"));
    assert_eq!(facts.end_point.as_deref(), Some(&end_point(world)[..]));
    assert_eq!(facts.exporter, exporter, "as the client computes it (RFC 9266)");
    assert!(facts.client_certificates.is_empty());
}

#[test]
fn direct_tls_proves_what_the_client_computes() {
    let mut world = World::new(limits());
    for (version, name) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let mut client = Client::connect(world.tls_address()).secure(&world, version);
        client.say(HEADER);
        let Up::Opened { conn, facts } = world.fact() else { panic!("not opened") };
        let exporter = (name == "TLSv1.3").then(|| {
            let label = b"EXPORTER-Channel-Binding";
            client.0.conn.export_keying_material([0; 32], label, None).unwrap()
        });
        check_facts(&world, &facts.tls.unwrap(), name, exporter);
        assert!(matches!(world.fact(), Up::Header { .. }));

        world.send(conn, 1, ANSWER);
        client.hear(ANSWER);
        assert_eq!(world.fact(), Up::Written { conn, seq: 1 });
        world.order(vec![Down::Raise { conn }, Down::Credit { conn, elements: 2 }]);
        let large = format!("<message><body>{}</body></message>", "y".repeat(200_000));
        world.send(conn, 2, &large);
        client.hear(&large);
        client.say(&large);
        world.expect_element(conn, &large);
        world.close(conn, "</stream:stream>");
        assert_eq!(client.hear_end(), "</stream:stream>", "and close_notify, or reading fails");
        drop(client);
        world.expect_closed(conn, CloseReason::Ordered);
    }
    assert_eq!(world.metrics().tls_handshakes_done, 2);
}

#[test]
fn starttls_begins_a_new_stream_on_the_same_connection() {
    let mut world = World::new(limits());
    for (version, name) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let (conn, mut client) = world.open_plain();
        world.credit(conn, 1);
        client.say(STARTTLS);
        world.expect_element(conn, STARTTLS);
        // The server gives the credit for the next header together with the order.
        let proceed = Bytes::from_static(PROCEED);
        world.order(vec![Down::StartTls { conn, proceed }, Down::Credit { conn, elements: 1 }]);
        client.hear(std::str::from_utf8(PROCEED).unwrap());
        let mut client = client.secure(&world, version);
        let Up::TlsStarted { conn: of, tls } = world.news() else { panic!("no TLS") };
        assert_eq!(of, conn);
        let exporter = (name == "TLSv1.3").then(|| {
            let label = b"EXPORTER-Channel-Binding";
            client.0.conn.export_keying_material([0; 32], label, None).unwrap()
        });
        check_facts(&world, &tls, name, exporter);
        client.say(HEADER);
        assert!(matches!(world.news(), Up::Header { .. }));
        world.send(conn, 2, ANSWER);
        client.hear(ANSWER);
        world.credit(conn, 1);
        client.0.conn.send_close_notify();
        client.0.flush().unwrap();
        world.expect_closed(conn, CloseReason::PeerGone);
    }
}

#[test]
fn bytes_between_starttls_and_tls_close_the_connection() {
    for injected in ["<message to='victim'/>", "<mess", " ", "\n", "\n\n", " \n", "\n<", "x\n"] {
        for with_starttls in [true, false] {
            if with_starttls && injected == "\n" {
                continue; // see the next test
            }
            let mut world = World::new(limits());
            let (conn, mut client) = world.open_plain();
            world.credit(conn, 1);
            if with_starttls {
                client.say(&format!("{STARTTLS}{injected}"));
            } else {
                client.say(STARTTLS);
            }
            world.expect_element(conn, STARTTLS);
            if !with_starttls {
                client.say(injected);
            }
            let proceed = Bytes::from_static(PROCEED);
            world.order(vec![Down::StartTls { conn, proceed }, Down::Credit { conn, elements: 9 }]);
            world.expect_closed(conn, CloseReason::PeerGone);
            assert_eq!(client.hear_end(), "", "{injected:?}");
            assert_eq!(world.metrics().starttls_injections, 1);
        }
    }
}

#[test]
fn an_end_of_line_after_starttls_is_forgiven_and_forgotten() {
    for end in ["\n", "\r\n"] {
        let mut world = World::new(limits());
        let (conn, mut client) = world.open_plain();
        world.credit(conn, 1);
        client.say(&format!("{STARTTLS}{end}"));
        world.expect_element(conn, STARTTLS);
        let proceed = Bytes::from_static(PROCEED);
        world.order(vec![Down::StartTls { conn, proceed }, Down::Credit { conn, elements: 1 }]);
        client.hear(std::str::from_utf8(PROCEED).unwrap());
        let mut client = client.secure(&world, &TLS13);
        assert!(matches!(world.news(), Up::TlsStarted { .. }));
        client.say(HEADER);
        assert!(matches!(world.news(), Up::Header { .. }));
    }
}

#[test]
fn a_failed_handshake_after_starttls_ends_the_connection_and_is_reported() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    world.order(vec![Down::StartTls { conn, proceed: Bytes::from_static(PROCEED) }]);
    client.hear(std::str::from_utf8(PROCEED).unwrap());
    client.say(" \n<stream:stream>");
    world.expect_closed(conn, CloseReason::PeerGone);
    assert_eq!(world.metrics().tls_handshakes_failed, 1);
}

#[test]
fn new_handshakes_get_a_new_certificate_and_sessions_go_on() {
    let mut world = World::new(limits());
    let mut old = Client::connect(world.tls_address()).secure(&world, &TLS13);
    old.say(HEADER);
    let conn = world.expect_opened();

    let other = files(world.folder.path(), "other");
    mux::TlsStore::open_or_make(other.clone(), &["example.org".to_owned()]).unwrap();
    let ours = files(world.folder.path(), "ours");
    std::fs::copy(&other.certificate, &ours.certificate).unwrap();
    world.tls.reload().expect_err("the key does not fit yet");
    std::fs::copy(&other.key, &ours.key).unwrap();
    world.tls.reload().unwrap();

    let _new = Client::connect(world.tls_address()).secure_with(&other.certificate, &TLS12);
    world.send(conn, 1, ANSWER);
    old.hear(ANSWER);
}

#[test]
fn a_close_of_the_server_during_the_handshake_is_carried_out() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    world.order(vec![Down::StartTls { conn, proceed: Bytes::from_static(PROCEED) }]);
    client.hear(std::str::from_utf8(PROCEED).unwrap());
    world.close(conn, "");
    world.expect_closed(conn, CloseReason::Ordered);
    client.hear_end();
}

#[test]
fn tls_that_arrives_in_crumbs_is_the_same_tls() {
    let mut world = World::new(limits());
    let trusted = files(world.folder.path(), "ours").certificate;
    for version in [&TLS13, &TLS12] {
        let socket = Dribble(Client::connect(world.tls_address()).0);
        let mut client: TlsClient<Dribble> = Client(shake_hands(socket, &trusted, version));
        client.say(HEADER);
        let conn = world.expect_opened();
        world.order(vec![Down::Raise { conn }, Down::Credit { conn, elements: 9 }]);
        for n in 0..5 {
            let message = format!("<message id='{n}'>{}</message>", "c".repeat(n * 300));
            client.say(&message);
            world.expect_element(conn, &message);
        }
        drop(client);
        world.expect_closed(conn, CloseReason::PeerGone);
    }
}

#[test]
fn a_session_whose_keys_change_goes_on_both_ways() {
    let mut world = World::new(limits());
    let mut client = Client::connect(world.tls_address()).secure(&world, &TLS13);
    client.say(HEADER);
    let conn = world.expect_opened();
    world.order(vec![Down::Raise { conn }, Down::Credit { conn, elements: 99 }]);
    for n in 1..10 {
        client.0.conn.refresh_traffic_keys().unwrap();
        let message = format!("<message id='{n}'/>");
        client.say(&message);
        world.expect_element(conn, &message);
        world.send(conn, n, &message);
        client.hear(&message);
    }
}
