//! A watch on one member of etcd.
//!
//! It gives whole revisions in order, and ends with an error when its member dies, is cut off from the leader, goes silent, or no longer has what
//! was asked for. It never moves to another member by itself: whoever holds it opens a new one from the revision after the last (`control::mirror`).

use crate::failure::{Failure, Status, Verdict, code};
use crate::grpc::Stream;
use crate::proto::watch_request::Union;
use crate::proto::{Empty, Event as EtcdEvent, WatchCreateRequest, WatchRequest, WatchResponse};
use crate::store::Shared;
use control::{BoxFuture, Error, Event, Revision, Watch};
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

const WATCH: &str = "/etcdserverpb.Watch/Watch";
/// The id in what is meant for all watches of a stream: the answer to a request for a sign of life.
const EVERY_WATCH: i64 = -1;
/// `Event.kind` of a deletion.
const DELETED: i32 = 1;
/// Most bytes of keys and values of one batch that comes in parts.
const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// An open watch.
pub(crate) struct EtcdWatch {
    shared: Arc<Shared>,
    at: usize,
    stream: Stream,
    /// The revision all is given up to.
    revision: Revision,
    /// Events of a batch of which more parts are to come, and their size in bytes.
    parts: Vec<EtcdEvent>,
    parts_bytes: usize,
    /// When to ask for a sign of life next.
    ask_at: Instant,
    /// When the member was asked for a sign of life, if none came since.
    asked: Option<Instant>,
}

impl EtcdWatch {
    /// Opens a watch at one endpoint, and waits until etcd has made it.
    pub(crate) async fn open(
        shared: Arc<Shared>,
        at: usize,
        prefix: &str,
        from: Revision,
    ) -> Result<Self, Failure> {
        let ready = shared.endpoints.ready(at).await?;
        let meta = shared.endpoints.meta(&ready, None).await?;
        let mut stream = ready.channel.stream(WATCH, &meta).await?;
        let (key, range_end) = shared.space.span(prefix);
        // To etcd, 0 means from now on.
        let from = from.max(1);
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision: from,
            progress_notify: true,
            fragment: true,
        };
        stream.send(&WatchRequest { union: Some(Union::Create(create)) }, false)?;
        let answer: Option<WatchResponse> = match stream.message().await {
            Err(Failure::Status(status)) => {
                if status.wants_login() {
                    shared.endpoints.forget_token(meta.token.as_ref());
                }
                return Err(Failure::Status(status));
            }
            answer => answer?,
        };
        let Some(answer) = answer else {
            return Err(Failure::Lost("it ended the watch at once".to_owned()));
        };
        shared.endpoints.note_header(answer.header.as_ref())?;
        if answer.canceled {
            let denied = answer.cancel_reason.contains("permission denied");
            return Err(Failure::Status(Status {
                code: if denied { code::PERMISSION_DENIED } else { code::UNKNOWN },
                message: answer.cancel_reason,
            }));
        }
        let ask_at = Instant::now() + shared.watch_interval;
        Ok(Self {
            shared,
            at,
            stream,
            revision: from - 1,
            parts: Vec::new(),
            parts_bytes: 0,
            ask_at,
            asked: None,
        })
    }

    async fn step(&mut self) -> Result<(Revision, Vec<Event>), Error> {
        loop {
            let wake_at = match self.asked {
                Some(asked) => asked + self.shared.silence_max,
                None => self.ask_at,
            };
            // What has arrived is looked at before the clock: a holder that was busy does not take its own delay for silence.
            let message = tokio::select! {
                biased;
                message = self.stream.message::<WatchResponse>() => message,
                () = sleep_until(wake_at) => {
                    self.ask_for_life()?;
                    continue;
                }
            };
            let message = match message {
                Ok(Some(message)) => message,
                Ok(None) => return Err(self.ended("it ended the watch")),
                Err(failure) => return Err(self.failed(&failure)),
            };
            self.asked = None;
            self.ask_at = Instant::now() + self.shared.watch_interval;
            if let Some(batch) = self.take(message)? {
                return Ok(batch);
            }
        }
    }

    fn ask_for_life(&mut self) -> Result<(), Error> {
        if self.asked.is_some() {
            let why = "it has been silent for too long";
            self.shared.endpoints.note_failure(self.at, why);
            return Err(self.ended(why));
        }
        let ask = WatchRequest { union: Some(Union::Progress(Empty {})) };
        if let Err(failure) = self.stream.send(&ask, false) {
            return Err(self.failed(&failure));
        }
        self.asked = Some(Instant::now());
        Ok(())
    }

    /// What a message gives, if anything yet.
    fn take(&mut self, message: WatchResponse) -> Result<Option<(Revision, Vec<Event>)>, Error> {
        if let Err(failure) = self.shared.endpoints.note_header(message.header.as_ref()) {
            return Err(self.failed(&failure));
        }
        if message.compact_revision > 0 {
            let asked = self.revision + 1;
            return Err(Error::Compacted { asked, oldest: message.compact_revision });
        }
        if message.canceled {
            let why = message.cancel_reason;
            return Err(if why.contains("permission denied") {
                Error::Denied(why)
            } else {
                self.ended(&format!("it ended the watch: {why}"))
            });
        }
        if message.created {
            return Ok(None);
        }
        let is_progress = message.events.is_empty() && self.parts.is_empty();
        if is_progress {
            // Before etcd 3.4.25 the answer to our own question may overtake events (etcd issue 15220), so its revision proves nothing.
            if message.watch_id != EVERY_WATCH {
                let at = message.header.map_or(0, |header| header.revision);
                self.revision = self.revision.max(at);
            }
            return Ok(Some((self.revision, Vec::new())));
        }
        let size = |e: &EtcdEvent| e.kv.as_ref().map_or(0, |kv| kv.key.len() + kv.value.len());
        self.parts_bytes += message.events.iter().map(size).sum::<usize>();
        self.parts.extend(message.events);
        if self.parts_bytes > BATCH_BYTES_MAX {
            return Err(
                self.ended(&format!("it sent a batch of more than {BATCH_BYTES_MAX} bytes"))
            );
        }
        // Sent while a batch comes in parts, an answer to our question is no part of it.
        if message.fragment || message.watch_id == EVERY_WATCH {
            return Ok(None);
        }
        self.parts_bytes = 0;
        let parts = std::mem::take(&mut self.parts);
        let mut events = Vec::with_capacity(parts.len());
        let mut revision = self.revision;
        for part in parts {
            let Some(kv) = part.kv else { continue };
            if kv.mod_revision <= self.revision {
                continue;
            }
            revision = revision.max(kv.mod_revision);
            events.push(if part.kind == DELETED {
                let revision = kv.mod_revision;
                Event::Deleted { key: self.shared.space.strip(kv.key)?, revision }
            } else {
                Event::Put(self.shared.space.entry(kv)?)
            });
        }
        self.revision = revision;
        Ok(Some((revision, events)))
    }

    fn failed(&self, failure: &Failure) -> Error {
        self.shared.endpoints.note_failure(self.at, failure.text());
        match failure.verdict() {
            Verdict::Final(error) => error,
            Verdict::NotDone | Verdict::PerhapsDone => self.ended(failure.text()),
        }
    }

    fn ended(&self, why: &str) -> Error {
        Error::Unavailable(format!("watch at {}: {why}", self.shared.endpoints.name(self.at)))
    }
}

impl Watch for EtcdWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<(Revision, Vec<Event>), Error>> {
        Box::pin(self.step())
    }
}
