//! One sender and one receiver: clients that lose their server, come back and resume, and write down what they saw.

use super::{Moments, Shared};
use crate::client::{Client, Heard, Login, Resumption, SmState, is_timeout};
use crate::xml::Element;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a client tries to come back.
const COME_BACK: Duration = Duration::from_secs(60);
/// Pause between two attempts to connect to a server that is down.
const RETRY: Duration = Duration::from_millis(5);
/// How long one attempt may take; a server killed in the middle of it answers no more.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often a receiver looks whether the show is over.
const GLANCE: Duration = Duration::from_millis(50);
/// Fewest and most messages sent between two requests for an acknowledgement.
const BURST: (u64, u64) = (1, 40);
/// One turn in so many ends with a lost connection instead of an acknowledgement, as in a tunnel.
const TUNNEL: u64 = 25;
/// Messages asked for in one page of the archive.
const ARCHIVE_PAGE: usize = 200;

/// What both sides count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub resumed: u64,
    pub not_resumed: u64,
    pub flaps: u64,
    pub gaps: Vec<Duration>,
    pub wrong: Vec<String>,
}

/// A client with its login, and what happened to its connections.
struct Session {
    shared: Arc<Shared>,
    login: Login,
    client: Client,
    counts: Counts,
}

/// Whether a session went on or a new one had to be made.
enum Back {
    Resumed,
    /// With what was not acknowledged when the session was lost.
    Fresh(SmState),
}

impl Session {
    async fn start(shared: Arc<Shared>, login: Login) -> Result<Self> {
        let client = fresh(&shared, &login).await?;
        Ok(Self { shared, login, client, counts: Counts::default() })
    }

    /// Connects until it works, resumes, or begins a new session when that is refused.
    async fn come_back(&mut self) -> Result<Back> {
        let lost_at = Instant::now();
        let state = self.client.sm.take().context("a session without stream management")?;
        self.client.drop_connection();
        let mut last = None;
        while lost_at.elapsed() < COME_BACK {
            match tokio::time::timeout(ATTEMPT, self.attempt(&state)).await {
                Ok(Ok(back)) => {
                    self.counts.gaps.push(lost_at.elapsed());
                    return Ok(back);
                }
                Ok(Err(e)) => last = Some(e),
                Err(_) => last = None,
            }
            tokio::time::sleep(RETRY).await;
        }
        match last {
            Some(e) => Err(e.context("the server did not come back")),
            None => bail!("the server did not come back, and did not say why"),
        }
    }

    async fn attempt(&mut self, state: &SmState) -> Result<Back> {
        match Client::resume(&self.shared.endpoint, &self.login, state.clone()).await? {
            Resumption::Resumed(client) => {
                self.client = *client;
                self.counts.resumed += 1;
                Ok(Back::Resumed)
            }
            Resumption::Refused(mut client, mut state, h) => {
                if let Some(h) = h {
                    state.take_ack(h);
                }
                client.bind(self.login.resource.as_deref()).await?;
                client.enable_sm().await?;
                client.come_online().await?;
                self.client = *client;
                self.counts.not_resumed += 1;
                Ok(Back::Fresh(*state))
            }
        }
    }

    fn note_presence(&mut self, element: &Element) {
        if element.name == "presence" && element.attr("type") == Some("unavailable") {
            self.counts.flaps += 1;
        }
    }
    fn note_wrong(&mut self) {
        if let Some(wrong) = self.client.sm.as_mut().and_then(|sm| sm.wrong.take()) {
            self.counts.wrong.push(format!("{}: {wrong}", self.client.jid));
        }
    }
}

async fn fresh(shared: &Shared, login: &Login) -> Result<Client> {
    let mut client = Client::login(&shared.endpoint, login).await?;
    client.enable_sm().await?;
    client.come_online().await?;
    Ok(client)
}

/// Sends numbered messages and knows which were acknowledged.
pub(super) struct Sender {
    session: Session,
    to: String,
    sent: u64,
    uncertain: BTreeSet<u64>,
    acked: u64,
    moments: Moments,
}

/// What a sender knows at the end.
pub(super) struct Sent {
    pub count: u64,
    pub uncertain: BTreeSet<u64>,
    pub counts: Counts,
}

impl Sender {
    pub(super) async fn start(
        shared: Arc<Shared>,
        login: Login,
        to: String,
        moments: Moments,
    ) -> Result<Self> {
        let session = Session::start(shared, login).await?;
        Ok(Self { session, to, sent: 0, uncertain: BTreeSet::new(), acked: 0, moments })
    }

    pub(super) async fn run(mut self) -> Result<Sent> {
        loop {
            let stopping = self.session.shared.stop.load(Ordering::SeqCst);
            if stopping && self.unacked().is_empty() {
                break;
            }
            let burst = if stopping { 0 } else { self.moments.next(BURST) };
            let tunnel = !stopping && self.moments.next((1, TUNNEL)) == 1;
            if self.turn(burst, tunnel).await.is_err() {
                self.look_at_inbox();
                if let Back::Fresh(old) = self.session.come_back().await? {
                    self.uncertain.extend(old.unacked.iter().filter_map(|xml| number_in(xml)));
                }
            }
            self.look_at_inbox();
            self.note_progress();
        }
        Ok(Sent { count: self.sent, uncertain: self.uncertain, counts: self.session.counts })
    }

    async fn turn(&mut self, burst: u64, tunnel: bool) -> Result<()> {
        for _ in 0..burst {
            let number = self.sent;
            self.sent += 1;
            let xml = format!(
                "<message to='{}' type='chat' id='n{number}'><body>{number}</body></message>",
                self.to
            );
            self.session.client.send(&xml).await?;
        }
        ensure!(!tunnel, "in a tunnel");
        self.session.client.request_ack().await.map(drop)
    }

    fn unacked(&self) -> Vec<u64> {
        let sm = self.session.client.sm.as_ref();
        sm.into_iter().flat_map(|sm| &sm.unacked).filter_map(|xml| number_in(xml)).collect()
    }
    fn look_at_inbox(&mut self) {
        self.session.note_wrong();
        let heard: Vec<Element> = self.session.client.inbox().drain(..).collect();
        for element in heard {
            self.session.note_presence(&element);
        }
    }
    fn note_progress(&mut self) {
        let acked = self.sent - self.unacked().len() as u64;
        self.session.shared.progress.fetch_add(acked.saturating_sub(self.acked), Ordering::SeqCst);
        self.acked = acked;
    }
}

/// Writes down what arrives, session by session.
pub(super) struct Receiver {
    session: Session,
    session_number: u64,
    heard: Vec<(u64, u64)>,
    moments: Moments,
}

/// What a receiver knows at the end.
pub(super) struct Got {
    /// (session, message number), in the order of arrival.
    pub heard: Vec<(u64, u64)>,
    /// What its archive holds, in the order of the archive.
    pub archived: Vec<u64>,
    pub counts: Counts,
}

impl Receiver {
    pub(super) async fn start(shared: Arc<Shared>, login: Login, moments: Moments) -> Result<Self> {
        let session = Session::start(shared, login).await?;
        Ok(Self { session, session_number: 0, heard: Vec::new(), moments })
    }
    pub(super) fn bare(&self) -> String {
        self.session.client.bare().to_owned()
    }

    pub(super) async fn run(mut self) -> Result<Got> {
        loop {
            let settled = self.session.shared.settled.load(Ordering::SeqCst);
            match self.session.client.hear(Instant::now() + GLANCE).await {
                Ok(Heard::Element(element)) => {
                    self.note(&element);
                    if !settled && self.moments.next((1, TUNNEL * BURST.1)) == 1 {
                        self.come_back().await?;
                    }
                }
                Ok(Heard::End | Heard::Eof) => self.come_back().await?,
                // What was on its way when the senders were done has been waited for once more by then.
                Err(e) if is_timeout(&e) && settled => break,
                Err(e) if is_timeout(&e) => {}
                Err(_) => self.come_back().await?,
            }
        }
        self.session.client.sync().await?;
        self.look_at_inbox();
        let archived = self.read_archive().await.unwrap_or_default();
        Ok(Got { heard: self.heard, archived, counts: self.session.counts })
    }

    async fn come_back(&mut self) -> Result<()> {
        self.look_at_inbox();
        if let Back::Fresh(_) = self.session.come_back().await? {
            self.session_number += 1;
        }
        self.look_at_inbox();
        Ok(())
    }
    fn look_at_inbox(&mut self) {
        let heard: Vec<Element> = self.session.client.inbox().drain(..).collect();
        for element in heard {
            self.note(&element);
        }
    }
    fn note(&mut self, element: &Element) {
        self.session.note_presence(element);
        if element.name == "message"
            && let Some(number) = element.child_text("body").and_then(|body| body.parse().ok())
        {
            self.heard.push((self.session_number, number));
        }
    }

    /// All of the archive, page by page.
    async fn read_archive(&mut self) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut after = String::new();
        loop {
            let query = format!(
                "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>{ARCHIVE_PAGE}</max>{after}</set></query>"
            );
            let fin = self.session.client.iq_ok("set", None, &query).await?;
            let page: Vec<Element> = self.session.client.inbox().drain(..).collect();
            for element in &page {
                let inner = element.find("message", crate::client::NS_CLIENT);
                let body = inner.and_then(|m| m.child_text("body"));
                numbers.extend(body.and_then(|body| body.parse::<u64>().ok()));
            }
            let fin = fin.child("fin", "urn:xmpp:mam:2").context("an answer without fin")?;
            let last = fin.find("last", "http://jabber.org/protocol/rsm").map(Element::text);
            match last {
                Some(last) if fin.attr("complete") != Some("true") => {
                    after = format!("<after>{last}</after>");
                }
                _ => return Ok(numbers),
            }
        }
    }
}

fn number_in(xml: &str) -> Option<u64> {
    let rest = xml.split_once("<body>")?.1;
    rest.split_once("</body>")?.0.parse().ok()
}
