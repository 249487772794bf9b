//! What the embedded store costs: transactions, renewals, watches across processes, ends of leases, idling. Measures and asserts nothing.
//!
//! `cargo run --release -p control --example embedded_speed -- FOLDER`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use control::embedded::{EmbeddedStore, Options};
use control::{ControlStore, Error, Event, Op, Txn};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const COUNT: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join("embedded_speed.db");
    if args.next().is_some() {
        write_stamps(&path).await?;
        return Ok(());
    }
    let store = EmbeddedStore::open(&path, Options::of_this_machine()?)?;
    println!("{}", store.describe().await);

    let mut times = Vec::new();
    for n in 0..COUNT {
        let start = Instant::now();
        put(&store, "/n", n.to_string().into_bytes(), None).await?;
        times.push(start.elapsed());
    }
    show("transaction", &mut times);
    let lease = store.grant(Duration::from_secs(60)).await?.id;
    for _ in 0..COUNT {
        let start = Instant::now();
        store.keep_alive(lease).await?;
        times.push(start.elapsed());
    }
    show("renewal", &mut times);
    for _ in 0..COUNT {
        let start = Instant::now();
        store.range("/n").await?;
        times.push(start.elapsed());
    }
    show("range", &mut times);

    let from = store.range("").await?.revision + 1;
    let mut watch = store.watch("/stamp", from).await?;
    let mut child = Command::new(std::env::current_exe()?).arg(&folder).arg("child").spawn()?;
    while times.len() < COUNT {
        for event in watch.next().await?.1 {
            let seen = now();
            if let Event::Put(entry) = event {
                let sent: u64 = String::from_utf8_lossy(&entry.value).parse()?;
                times.push(Duration::from_nanos(seen.saturating_sub(sent)));
            }
        }
    }
    child.wait()?;
    show("before txn to seen elsewhere", &mut times);

    let from = store.range("").await?.revision + 1;
    let mut watch = store.watch("/leased", from).await?;
    while times.len() < 20 {
        let ttl = Duration::from_millis(150);
        let lease = store.grant(ttl).await?.id;
        let granted = Instant::now();
        put(&store, "/leased", vec![], Some(lease)).await?;
        while !matches!(watch.next().await?.1.last(), Some(Event::Deleted { .. })) {}
        times.push(granted.elapsed().saturating_sub(ttl));
    }
    show("end of a lease after its time", &mut times);

    let before = cpu_time();
    let mut idle = store.watch("/", from + 1000).await?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        idle.next().await?;
    }
    println!(
        "idle with one watch: {:.3} % of a core",
        (cpu_time() - before).as_secs_f64() / 5.0 * 100.0
    );
    Ok(())
}

async fn write_stamps(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = EmbeddedStore::open(path, Options::of_this_machine()?)?;
    for _ in 0..COUNT {
        tokio::time::sleep(Duration::from_millis(5)).await;
        put(&store, "/stamp", now().to_string().into_bytes(), None).await?;
    }
    Ok(())
}

async fn put(
    store: &EmbeddedStore,
    key: &str,
    value: Vec<u8>,
    lease: Option<control::LeaseId>,
) -> Result<(), Error> {
    let op = Op::Put { key: key.into(), value, lease };
    store.txn(Txn { guards: vec![], ops: vec![op] }).await?;
    Ok(())
}

/// The same for all processes.
fn now() -> u64 {
    let read = clock_gettime(ClockId::Monotonic);
    read.tv_sec as u64 * 1_000_000_000 + read.tv_nsec as u64
}

fn cpu_time() -> Duration {
    let read = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(read.tv_sec as u64, read.tv_nsec as u32)
}

fn show(what: &str, times: &mut Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{what}: p50 {:?}, p99 {:?}, max {:?} ({} times)",
        at(50),
        at(99),
        at(100),
        times.len()
    );
    times.clear();
}
