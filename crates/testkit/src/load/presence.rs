//! A few accounts change their presence, many contacts see it.

use super::lean::Lean;
use super::{Meter, Row, Size, TRANSPORTS, end, log_in_all, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Changes of one account that may be under way.
const WINDOW: u32 = 4;

/// One run: plain, then TLS, each on a fresh server.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    TRANSPORTS.iter().map(|(name, security)| one(kind, name, *security, size)).collect()
}

fn one(kind: Kind, name: &str, security: Security, size: &Size) -> Result<Row> {
    let contacts: Vec<String> = (0..size.contacts).map(|n| format!("contact{n}")).collect();
    let stars: Vec<String> = (0..size.stars).map(|n| format!("star{n}")).collect();
    let server =
        Server::start(&Setup::new(kind, [contacts.clone(), stars.clone()].concat()).for_a_bench())?;
    runtime()?.block_on(async {
        let mut contacts = log_in_all(&server, security, &contacts).await?;
        let mut stars = log_in_all(&server, security, &stars).await?;
        for client in contacts.iter_mut().chain(&mut stars) {
            client.come_online().await?;
        }
        for star in &mut stars {
            subscribe_all(&mut contacts, star).await?;
        }
        let delivered = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for contact in contacts {
            let mut lean = Lean::new(contact).await?;
            let delivered = Arc::clone(&delivered);
            tasks.push(tokio::spawn(async move {
                loop {
                    let brought = lean.read(|_| {}).await?;
                    delivered.fetch_add(u64::from(brought.stanzas), Ordering::Relaxed);
                }
            }));
        }
        for star in stars {
            tasks.push(tokio::spawn(change(Lean::new(star).await?, Arc::clone(&stop))));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let meter = Meter::start(&server);
        let before = delivered.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(size.seconds)).await;
        let (in_time, wall) = (delivered.load(Ordering::Relaxed) - before, meter.wall());
        stop.store(true, Ordering::Relaxed);
        let cpu = meter.cpu_at_rest(&server).await;
        let in_all = delivered.load(Ordering::Relaxed) - before;
        end(tasks).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
        let values = vec![in_all as f64 / cpu, in_time as f64 / wall];
        Ok(Row::new(name, values))
    })
}

/// All at once: one after the other would wait for a delayed TCP acknowledgement at every step of some servers.
async fn subscribe_all(contacts: &mut [Client], star: &mut Client) -> Result<()> {
    let granting = star.bare().to_owned();
    for contact in &mut *contacts {
        contact.send(&format!("<presence type='subscribe' to='{granting}'/>")).await?;
    }
    for contact in &mut *contacts {
        let asking = contact.bare();
        star.expect("subscription request", |e| {
            e.attr("type") == Some("subscribe") && e.attr("from") == Some(asking)
        })
        .await?;
        star.send(&format!("<presence type='subscribed' to='{asking}'/>")).await?;
    }
    for contact in contacts {
        contact
            .expect("subscription", |e| {
                e.attr("type") == Some("subscribed") && e.attr("from") == Some(&granting)
            })
            .await?;
    }
    Ok(())
}

/// Changes its presence, and asks the server something after each change to know that it has been handled.
async fn change(mut lean: Lean, stop: Arc<AtomicBool>) -> Result<()> {
    let (mut sent, mut own_presence_and_answers) = (0u32, 0u32);
    loop {
        // Each change comes back to its author once, and each question has one answer.
        while sent * 2 < own_presence_and_answers + WINDOW * 2 && !stop.load(Ordering::Relaxed) {
            sent += 1;
            let change = format!(
                "<presence><status>number {sent}</status></presence><iq type='get' id='p{sent}'><ping xmlns='urn:xmpp:ping'/></iq>"
            );
            lean.send(change.as_bytes()).await?;
        }
        own_presence_and_answers += lean.read(|_| {}).await?.stanzas;
    }
}
