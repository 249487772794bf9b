//! Pairs that chat as fast as their window allows.

use super::lean::Lean;
use super::{Meter, Row, Size, TRANSPORTS, end, log_in_all, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What a message says; with its tags about 200 bytes.
const BODY: &str = "Good pilgrim, you do wrong your hand too much, which mannerly devotion shows in this; for saints";
/// Seconds before anything is counted.
const WARM_UP: Duration = Duration::from_secs(2);
/// A sender asks for an acknowledgement after so many messages.
const ASK_EVERY: u32 = 8;

/// One run: plain, then TLS, each on a fresh server.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    TRANSPORTS
        .iter()
        .map(|(name, security)| {
            let server = Server::start(&Setup::new(kind, accounts(size.pairs)).for_a_bench())?;
            let rate = saturate(&server, *security, size)?;
            let busy = 100.0 * rate.per_second / rate.per_cpu_second;
            let values = vec![rate.per_cpu_second, rate.per_second, busy];
            Ok(Row::new(name, values))
        })
        .collect()
}

/// What a saturated server did.
pub(super) struct Rate {
    /// Messages delivered for each of its CPU-seconds.
    pub per_cpu_second: f64,
    /// Messages delivered for each second.
    pub per_second: f64,
}

pub(super) fn accounts(pairs: usize) -> Vec<String> {
    (0..pairs).flat_map(|p| [format!("from{p}"), format!("to{p}")]).collect()
}

/// Logs all pairs in, with stream management and presence; (sender, receiver, receiver's bare JID).
pub(super) async fn pairs(
    server: &Server,
    security: Security,
    size: &Size,
) -> Result<Vec<(Lean, Lean, String)>> {
    let clients = log_in_all(server, security, &accounts(size.pairs)).await?;
    let mut ready = Vec::new();
    let mut clients = clients.into_iter();
    while let (Some(from), Some(to)) = (clients.next(), clients.next()) {
        let address = to.bare().to_owned();
        ready.push((prepare(from).await?, prepare(to).await?, address));
    }
    Ok(ready)
}

async fn prepare(mut client: Client) -> Result<Lean> {
    client.enable_sm().await?;
    client.come_online().await?;
    Lean::new(client).await
}

/// Lets all pairs chat at full window.
pub(super) fn saturate(server: &Server, security: Security, size: &Size) -> Result<Rate> {
    let window = size.window;
    let seconds = size.seconds;
    runtime()?.block_on(async {
        let delivered = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for (from, to, address) in pairs(server, security, size).await? {
            tasks.push(tokio::spawn(send(from, address, window, Arc::clone(&stop))));
            tasks.push(tokio::spawn(receive_for_ever(to, Arc::clone(&delivered))));
        }
        tokio::time::sleep(WARM_UP).await;
        let meter = Meter::start(server);
        let before = delivered.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let in_time = delivered.load(Ordering::Relaxed) - before;
        let wall = meter.wall();
        stop.store(true, Ordering::Relaxed);
        let cpu = meter.cpu_at_rest(server).await;
        let in_all = delivered.load(Ordering::Relaxed) - before;
        end(tasks).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
        Ok(Rate { per_cpu_second: in_all as f64 / cpu, per_second: in_time as f64 / wall })
    })
}

async fn send(mut lean: Lean, to: String, window: u32, stop: Arc<AtomicBool>) -> Result<()> {
    // What was sent before (presence, a roster request, a ping) is counted by the first acknowledgement.
    lean.send(b"<r xmlns='urn:xmpp:sm:3'/>").await?;
    let base = loop {
        if let Some(h) = lean.read(|_| {}).await?.acked {
            break h;
        }
    };
    let ask_every = ASK_EVERY.min(window);
    let (mut sent, mut acked) = (0u32, 0u32);
    let mut text = String::new();
    loop {
        text.clear();
        while sent - acked < window && !stop.load(Ordering::Relaxed) {
            sent += 1;
            write!(
                text,
                "<message to='{to}' type='chat' id='{sent}'><body>{BODY}</body></message>"
            )?;
            if sent.is_multiple_of(ask_every) {
                text.push_str("<r xmlns='urn:xmpp:sm:3'/>");
            }
        }
        if !text.is_empty() {
            lean.send(text.as_bytes()).await?;
        }
        if let Some(h) = lean.read(|_| {}).await?.acked {
            acked = h.wrapping_sub(base);
        }
    }
}

async fn receive_for_ever(mut lean: Lean, delivered: Arc<AtomicU64>) -> Result<()> {
    loop {
        let brought = lean.read(|_| {}).await?;
        delivered.fetch_add(u64::from(brought.messages), Ordering::Relaxed);
    }
}
