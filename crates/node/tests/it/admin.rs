//! The admin socket: who may use it, and clients that talk nonsense, too much, too little, or do not listen.

use crate::stage::{Stage, until_true};
use node_api::{Ask, Reply};
use rgm::{SchaCode, Status};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn connect(stage: &Stage) -> UnixStream {
    UnixStream::connect(stage.path("n1").join("node.sock")).unwrap()
}

fn answer_to(stage: &Stage, bytes: &[u8]) -> String {
    let mut stream = connect(stage);
    // It may be refused before it was all sent.
    let _ = stream.write_all(bytes);
    let mut answer = String::new();
    let _ = BufReader::new(stream).read_line(&mut answer);
    answer
}

#[test]
fn nonsense_is_refused_and_hinders_nobody() {
    let stage = Stage::new(&["n1"]);
    let socket = std::fs::metadata(stage.path("n1").join("node.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o007, 0, "everybody may use the socket");
    let claims = std::fs::metadata(stage.path("n1").join("claims")).unwrap();
    assert_eq!(claims.permissions().mode() & 0o777, 0o700);
    for bytes in [&b"{\n"[..], b"\xff\xfe\n", b"{\"ask\":\"snapshots\"}\n", b"\0\n", b"\n"] {
        let said = answer_to(&stage, bytes);
        assert!(said.contains("the request is not understood"), "{bytes:?}: {said}");
    }
    let huge = vec![b'x'; 9 * 1024 * 1024];
    let said = answer_to(&stage, &huge);
    assert!(said.contains("longer than 8388608 bytes"), "{said}");
    // One that says half a word, and some that read nothing of a long answer.
    let mut half = connect(&stage);
    half.write_all(b"{\"ask\":").unwrap();
    let deaf: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut stream = connect(&stage);
            stream.write_all(b"{\"ask\":\"snapshot\"}\n").unwrap();
            stream
        })
        .collect();
    stage.online("n1", &[]);
    for mut stream in deaf {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with('\n'));
    }
    stage.end();
}

#[test]
fn statuses_are_set_by_those_who_know_the_resource_and_decisions_can_be_followed() {
    let stage = Stage::new(&["n1"]);
    let mut follower = BufReader::new({
        let mut stream = connect(&stage);
        stream.write_all(b"{\"ask\":\"follow\"}\n").unwrap();
        stream
    });
    stage.online("n1", &[]);
    let mut line = String::new();
    follower.read_line(&mut line).unwrap();
    assert!(matches!(serde_json::from_str(&line), Ok(Reply::Decided { .. })), "{line}");
    let client = stage.node("n1").client();
    let set = |resource: &str, group: &str| {
        let (status, message) = (Status::Degraded, "slow".to_owned());
        client.order(&Ask::SetStatus {
            resource: resource.into(),
            group: group.into(),
            status,
            message,
        })
    };
    set("r", "g").unwrap();
    until_true("the status is known", || {
        let cluster = stage.node("n1").cluster();
        let seen = cluster.and_then(|c| c.observed_on(&"n1".into(), &"g".into()).cloned());
        seen.is_some_and(|o| o.resources.values().any(|r| r.status_message == "slow"))
    });
    let code = |asked: Result<Vec<String>, node_api::ClientError>| match asked {
        Err(node_api::ClientError::Refused(refusal)) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(set("r", "other")), SchaCode::Rsrc);
    assert_eq!(code(set("nobody", "g")), SchaCode::Rsrc);
    stage.end();
}
