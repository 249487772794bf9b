//! Several processes and one file: nothing acknowledged is lost when they are killed in the middle, and their leases end.

use crate::embedded::{folder, options};
use control::embedded::{EmbeddedStore, Options};
use control::{ControlStore, Error, Event, Guard, Op, Txn, TxnOutcome};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

const FILE: &str = "CONTROL_TEST_FILE";
const NAME: &str = "CONTROL_TEST_NAME";
const PATIENCE: Duration = Duration::from_secs(60);

/// With a log that nothing falls out of, however much is written before the watch is read.
fn open(path: &Path) -> EmbeddedStore {
    let options = Options { log_events_max: u64::MAX, log_bytes_max: u64::MAX, ..options() };
    EmbeddedStore::open(path, options).unwrap()
}

/// Not a test of its own: what the other processes do, until they are killed.
#[tokio::test]
async fn child() {
    let (Some(file), Some(name)) = (std::env::var_os(FILE), std::env::var(NAME).ok()) else {
        return;
    };
    let store = open(Path::new(&file));
    let lease = store.grant(Duration::from_millis(400)).await.unwrap().id;
    let mut seat = Some(format!("/seat/{name}"));
    let mut number = 0;
    loop {
        let count = store.range("/count").await.unwrap().entries.swap_remove(0);
        let value: u32 = String::from_utf8(count.value).unwrap().parse().unwrap();
        let put = |key: String, value: Vec<u8>, lease| Op::Put { key, value, lease };
        let mut ops = vec![
            put("/count".into(), (value + 1).to_string().into_bytes(), None),
            put(format!("/log/{name}/{number}"), vec![b'x'; 2000], None),
        ];
        ops.extend(seat.clone().map(|seat| put(seat, vec![], Some(lease))));
        let guards = vec![Guard::ChangedAt("/count".into(), count.mod_revision)];
        match store.txn(Txn { guards, ops }).await {
            Ok(TxnOutcome::Committed(at)) => {
                // Only what went out whole counts; the pipe outlives this process.
                std::io::stdout().write_all(format!("\nacked {number} {at}\n").as_bytes()).unwrap();
                number += 1;
                seat = None;
            }
            Ok(TxnOutcome::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
        match store.keep_alive(lease).await {
            // A machine too busy to renew in time is not what this test is about.
            Ok(_) | Err(Error::LeaseGone) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn start(file: &Path, name: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture"])
        .env(FILE, file)
        .env(NAME, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads what was acknowledged until there are that many, or to the end.
fn read_acked(output: &mut BufReader<ChildStdout>, acked: &mut BTreeMap<u32, i64>, count: usize) {
    let mut line = String::new();
    while acked.len() < count {
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            return;
        }
        let Some(numbers) = line.strip_suffix('\n').and_then(|l| l.strip_prefix("acked ")) else {
            continue;
        };
        let (number, at) = numbers.split_once(' ').unwrap();
        acked.insert(number.parse().unwrap(), at.parse().unwrap());
    }
}

#[tokio::test]
async fn processes_killed_in_the_middle_lose_nothing_acknowledged_and_their_leases_end() {
    let folder = folder();
    let file = folder.path().join("control.db");
    let store = open(&file);
    let zero = Op::Put { key: "/count".into(), value: b"0".to_vec(), lease: None };
    store.txn(Txn { guards: vec![], ops: vec![zero] }).await.unwrap();
    let from = store.range("").await.unwrap().revision + 1;
    let mut seats = store.watch("/seat/", from).await.unwrap();
    let mut acked: BTreeMap<String, BTreeMap<u32, i64>> = BTreeMap::new();
    for round in 0..6 {
        let names = [format!("a{round}"), format!("b{round}")];
        let mut children = names.clone().map(|name| start(&file, &name));
        for (n, (child, output)) in children.iter_mut().enumerate() {
            let found = acked.entry(names[n].clone()).or_default();
            read_acked(output, found, 3 + 7 * round + n);
            // SIGKILL, wherever it is now.
            child.kill().unwrap();
            child.wait().unwrap();
            read_acked(output, found, usize::MAX);
        }
    }
    let range = store.range("").await.unwrap();
    let entries: BTreeMap<_, _> = range.entries.into_iter().map(|e| (e.key.clone(), e)).collect();
    for (name, numbers) in &acked {
        for (number, at) in numbers {
            let key = format!("/log/{name}/{number}");
            let found = entries.get(&key).unwrap_or_else(|| panic!("{key} was acknowledged"));
            assert_eq!(found.mod_revision, *at);
        }
    }
    let logged = entries.keys().filter(|key| key.starts_with("/log/")).count();
    let count = String::from_utf8(entries["/count"].value.clone()).unwrap();
    assert_eq!(count, logged.to_string(), "a transaction happened by half");
    // The survivor ends the leases of the dead.
    let mut taken: BTreeMap<String, bool> = BTreeMap::new();
    while taken.len() < 12 || taken.values().any(|taken| *taken) {
        let (_, events) = timeout(PATIENCE, seats.next()).await.unwrap().unwrap();
        for event in events {
            taken.insert(event.key().to_owned(), matches!(event, Event::Put(_)));
        }
    }
    assert_eq!(store.range("/seat/").await.unwrap().entries, []);
}

#[tokio::test]
async fn a_process_that_opens_after_all_were_killed_finds_everything() {
    let folder = folder();
    let file = folder.path().join("control.db");
    let store = open(&file);
    let zero = Op::Put { key: "/count".into(), value: b"0".to_vec(), lease: None };
    store.txn(Txn { guards: vec![], ops: vec![zero] }).await.unwrap();
    drop(store);
    for round in 0..4 {
        let name = format!("c{round}");
        let (mut child, mut output) = start(&file, &name);
        let mut acked = BTreeMap::new();
        read_acked(&mut output, &mut acked, 5 + 3 * round);
        child.kill().unwrap();
        child.wait().unwrap();
        read_acked(&mut output, &mut acked, usize::MAX);
        let store = open(&file);
        let found = store.range(&format!("/log/{name}/")).await.unwrap().entries;
        // One may have been committed and not acknowledged.
        assert!(found.len() == acked.len() || found.len() == acked.len() + 1);
    }
}
