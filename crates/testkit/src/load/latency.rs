//! How long a message takes when the server is half as busy as it can be, beside a bare echo that syncs every message.

use super::chat::{accounts, pairs, saturate};
use super::lean::Lean;
use super::scan::attribute;
use super::{Row, Size, runtime};
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of one echoed message.
const ECHO_BYTES: usize = 200;
/// Messages echoed.
const ECHO_COUNT: usize = 2000;
/// File that the echo appends to.
const ECHO_FILE_BYTES: u64 = 16 << 20;

/// One run: the server at half load, then the bare echo.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    let server = Server::start(&Setup::new(kind, accounts(size.pairs)).for_a_bench())?;
    // One message at a time, as here every message travels alone.
    let alone = Size { window: 1, ..*size };
    let full = saturate(&server, Security::Plain, &alone)?;
    drop(server);
    let server = Server::start(&Setup::new(kind, accounts(size.pairs)).for_a_bench())?;
    let rate = full.per_second / 2.0;
    let mut times = paced(&server, size, rate)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    let reached = times.len() as f64 / Duration::from_secs(size.seconds).as_secs_f64();
    let mut rows = vec![Row::new("half load, plain", percentiles(&mut times, reached))];
    let mut echo = bare_echo(server.dir())?;
    rows.push(Row::new("bare echo with fdatasync", percentiles(&mut echo, f64::NAN)));
    Ok(rows)
}

fn percentiles(times: &mut [Duration], rate: f64) -> Vec<f64> {
    times.sort();
    let at = |p: usize| {
        let at = times.len().saturating_sub(1) * p / 100;
        times.get(at).map_or(f64::NAN, |t| t.as_secs_f64() * 1000.0)
    };
    vec![at(50), at(99), rate]
}

/// Every pair sends at its share of the rate; gives the time each message took.
fn paced(server: &Server, size: &Size, rate: f64) -> Result<Vec<Duration>> {
    #[expect(clippy::cast_precision_loss, reason = "a few dozen pairs")]
    let pause = Duration::from_secs_f64(size.pairs as f64 / rate.max(1.0));
    runtime()?.block_on(async {
        let start = Instant::now();
        let times = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (n, (from, to, address)) in
            pairs(server, Security::Plain, size).await?.into_iter().enumerate()
        {
            // The pairs are spread over the pause, or all would send at once.
            let offset =
                pause.mul_f64(f64::from(u32::try_from(n)?) / f64::from(u32::try_from(size.pairs)?));
            tasks.push(tokio::spawn(send_paced(from, address, start, (pause, offset))));
            tasks.push(tokio::spawn(receive(to, start, Arc::clone(&times))));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        times.lock().unwrap_or_else(PoisonError::into_inner).clear();
        tokio::time::sleep(Duration::from_secs(size.seconds)).await;
        let taken = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
        Ok(taken)
    })
}

async fn send_paced(
    mut lean: Lean,
    to: String,
    start: Instant,
    (pause, offset): (Duration, Duration),
) -> Result<()> {
    tokio::time::sleep(offset).await;
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = start.elapsed().as_nanos();
                let message = format!(
                    "<message to='{to}' type='chat' id='{now}'><body>Good pilgrim, you do wrong your hand too much, which mannerly devotion shows in this</body></message>"
                );
                lean.send(message.as_bytes()).await?;
            }
            brought = lean.read(|_| {}) => {
                brought?;
            }
        }
    }
}

async fn receive(mut lean: Lean, start: Instant, times: Arc<Mutex<Vec<Duration>>>) -> Result<()> {
    loop {
        let mut heard = Vec::new();
        lean.read(|tag| {
            let sent = attribute(tag, "id").and_then(|id| id.parse::<u64>().ok());
            heard.extend(
                sent.map(|sent| start.elapsed().saturating_sub(Duration::from_nanos(sent))),
            );
        })
        .await?;
        times.lock().unwrap_or_else(PoisonError::into_inner).append(&mut heard);
    }
}

/// One connection, one message at a time: written to a preallocated file, synced, echoed.
fn bare_echo(dir: &std::path::Path) -> Result<Vec<Duration>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let file = std::fs::File::create(dir.join("echo.log"))?;
    // Real zeros: an unwritten extent would have to be converted at the first sync of each page.
    for block in 0..ECHO_FILE_BYTES / 65536 {
        file.write_all_at(&[0u8; 65536], block * 65536)?;
    }
    file.sync_all()?;
    let server = std::thread::spawn(move || -> Result<()> {
        let (mut tcp, _) = listener.accept()?;
        tcp.set_nodelay(true)?;
        let mut buffer = [0u8; ECHO_BYTES];
        let mut at = 0;
        while tcp.read_exact(&mut buffer).is_ok() {
            file.write_all_at(&buffer, at)?;
            at = (at + ECHO_BYTES as u64) % (ECHO_FILE_BYTES - ECHO_BYTES as u64);
            file.sync_data()?;
            tcp.write_all(&buffer)?;
        }
        Ok(())
    });
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let mut buffer = [b'x'; ECHO_BYTES];
    let mut times = Vec::with_capacity(ECHO_COUNT);
    for _ in 0..ECHO_COUNT {
        let start = Instant::now();
        tcp.write_all(&buffer)?;
        tcp.read_exact(&mut buffer)?;
        times.push(start.elapsed());
    }
    drop(tcp);
    server.join().map_err(|_| anyhow::anyhow!("the echo failed"))??;
    Ok(times)
}
