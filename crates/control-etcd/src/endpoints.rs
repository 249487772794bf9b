//! The endpoints of one etcd, one connection to each, and the memory of which of them answers.
//!
//! A call goes to the endpoint that answered last. One that fails or is slow is put behind all others until it has answered again, so
//! that a dead one costs one attempt and not one per call. What may be done twice is asked of the next endpoint while the slow one is still
//! waited for (`race`): the first answer counts. What may be done once only gets a connection from here (`find`) and is not repeated here.

use crate::failure::{Failure, Status, Verdict, exhausted};
use crate::grpc::{Channel, Meta};
use crate::options::{Address, Login};
use crate::proto::{Answer, AuthenticateRequest, AuthenticateResponse, ResponseHeader};
use crate::tls::TlsSource;
use control::{BoxFuture, Error};
use prost::Message;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Pause before all endpoints are asked again.
pub(crate) const ROUND_PAUSE: Duration = Duration::from_millis(50);

/// How long a term counts after it was heard: an etcd restored from a snapshot begins with low terms again.
const TERM_MEMORY: Duration = Duration::from_secs(10);

/// All endpoints of one etcd.
pub(crate) struct Endpoints {
    all: Vec<Endpoint>,
    /// Which answered last.
    current: AtomicUsize,
    tls: Option<Arc<TlsSource>>,
    login: Option<Login>,
    token: Mutex<Option<Arc<str>>>,
    attempt_timeout: Duration,
    /// The cluster all answers must be from; 0 before the first.
    cluster: AtomicU64,
    /// Highest term of an answer, and when it was last heard.
    term: Mutex<(u64, Instant)>,
}

struct Endpoint {
    address: Address,
    channel: tokio::sync::Mutex<Option<Channel>>,
    /// When it last failed, unless it has answered since.
    failed_at: Mutex<Option<Instant>>,
}

/// A connection to ask, and whose it is.
pub(crate) struct Ready {
    pub(crate) at: usize,
    pub(crate) channel: Channel,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoints {
    pub(crate) fn new(
        addresses: Vec<Address>,
        tls: Option<TlsSource>,
        login: Option<Login>,
        attempt_timeout: Duration,
    ) -> Self {
        let all = addresses
            .into_iter()
            .map(|address| Endpoint {
                address,
                channel: tokio::sync::Mutex::new(None),
                failed_at: Mutex::new(None),
            })
            .collect();
        Self {
            all,
            current: AtomicUsize::new(0),
            tls: tls.map(Arc::new),
            login,
            token: Mutex::new(None),
            attempt_timeout,
            cluster: AtomicU64::new(0),
            term: Mutex::new((0, Instant::now())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The endpoint as the operator wrote it.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.all.get(at).map_or("?", |endpoint| endpoint.address.text.as_str())
    }

    /// Which endpoint is asked first at present.
    pub(crate) fn first(&self) -> usize {
        self.order().first().copied().unwrap_or(0)
    }

    /// Those that have not failed, the one that answered last before the others; then those that failed, longest ago first.
    pub(crate) fn order(&self) -> Vec<usize> {
        let current = self.current.load(Ordering::Relaxed);
        let mut order: Vec<_> = (0..self.all.len()).collect();
        order.sort_by_key(|&at| (*lock(&self.all[at].failed_at), at != current, at));
        order
    }

    /// How long one endpoint may leave a call unanswered.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    /// Keeps the newest failure of each endpoint.
    pub(crate) fn remember(
        &self,
        failures: &mut Vec<(String, Failure)>,
        at: usize,
        failure: Failure,
    ) {
        remember(failures, self.name(at), failure);
    }

    /// It has answered a call: it is asked first from now on.
    pub(crate) fn note_success(&self, at: usize) {
        *lock(&self.all[at].failed_at) = None;
        if self.current.swap(at, Ordering::Relaxed) != at {
            tracing::info!("etcd: {} is asked from now on", self.name(at));
        }
    }

    /// Puts an endpoint behind the others, and has the next call to it make a new connection; what runs on the old one goes on.
    pub(crate) fn note_failure(&self, at: usize, why: &str) {
        let endpoint = &self.all[at];
        if lock(&endpoint.failed_at).replace(Instant::now()).is_none() {
            tracing::warn!("etcd: {} failed: {why}; others are asked first", self.name(at));
        }
        // Locked means that somebody is just making a new one.
        if let Ok(mut channel) = endpoint.channel.try_lock() {
            *channel = None;
        }
    }

    /// A connection to an endpoint: the one there is, or a new one.
    pub(crate) async fn ready(&self, at: usize) -> Result<Ready, Failure> {
        let endpoint = &self.all[at];
        let mut slot = endpoint.channel.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.is_open()) {
            return Ok(Ready { at, channel: channel.clone() });
        }
        *slot = None;
        let channel = Channel::open(&endpoint.address, self.tls.as_ref()).await?;
        *slot = Some(channel.clone());
        Ok(Ready { at, channel })
    }

    /// One call to one endpoint, with a login when etcd wants one.
    pub(crate) async fn call<Q: Message, A: Answer>(
        &self,
        ready: &Ready,
        path: &'static str,
        ask: &Q,
        timeout: Duration,
    ) -> Result<A, Failure> {
        let mut meta = self.meta(ready, Some(timeout)).await?;
        let mut answer = ready.channel.call::<Q, A>(path, &meta, ask).await;
        if let Err(Failure::Status(status)) = &answer
            && status.wants_login()
            && self.login.is_some()
        {
            self.forget_token(meta.token.as_ref());
            meta = self.meta(ready, Some(timeout)).await?;
            answer = ready.channel.call::<Q, A>(path, &meta, ask).await;
        }
        let answer = answer?;
        self.note_header(answer.header())?;
        Ok(answer)
    }

    /// What goes with a request; logs in when there is no token yet.
    pub(crate) async fn meta(
        &self,
        ready: &Ready,
        timeout: Option<Duration>,
    ) -> Result<Meta, Failure> {
        let Some(login) = &self.login else {
            return Ok(Meta { token: None, timeout });
        };
        let known = lock(&self.token).clone();
        if known.is_some() {
            return Ok(Meta { token: known, timeout });
        }
        let ask =
            AuthenticateRequest { name: login.user.clone(), password: login.password.clone() };
        let bare = Meta { token: None, timeout };
        let answer = ready
            .channel
            .call::<_, AuthenticateResponse>("/etcdserverpb.Auth/Authenticate", &bare, &ask)
            .await
            .map_err(|failure| match failure {
                // The call proper has not been sent, whatever became of the login.
                Failure::Lost(text) => Failure::NotSent(text),
                other => other,
            })?;
        let token: Arc<str> = answer.token.into();
        *lock(&self.token) = Some(Arc::clone(&token));
        Ok(Meta { token: Some(token), timeout })
    }

    /// Forgets a token that etcd no longer takes, unless another call has already brought a new one.
    pub(crate) fn forget_token(&self, used: Option<&Arc<str>>) {
        let mut token = lock(&self.token);
        if token.as_deref() == used.map(|used| &**used) {
            *token = None;
        }
    }

    /// Checks that an answer is from the cluster we know.
    pub(crate) fn note_header(&self, header: Option<&ResponseHeader>) -> Result<(), Failure> {
        let Some(header) = header else {
            return Err(Failure::Lost("the answer has no header".to_owned()));
        };
        // An answer to a login has none to speak of.
        if header.cluster_id != 0 {
            let known = self.cluster.compare_exchange(
                0,
                header.cluster_id,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if let Err(known) = known
                && known != header.cluster_id
            {
                return Err(Failure::Lost(format!(
                    "it belongs to another etcd cluster ({:x}, ours is {known:x}): take it out of the endpoints, or restart if etcd was set up anew",
                    header.cluster_id
                )));
            }
        }
        let mut term = lock(&self.term);
        if header.raft_term >= term.0 || term.1.elapsed() > TERM_MEMORY {
            *term = (header.raft_term, Instant::now());
        }
        Ok(())
    }

    /// Refuses the word of a member that has not heard of the newest leader: before etcd 3.4.26 a leader that was deposed while it was
    /// paused still renews leases (etcd issue 15247).
    pub(crate) fn check_term(&self, header: Option<&ResponseHeader>) -> Result<(), Failure> {
        let newest = lock(&self.term).0;
        match header {
            Some(header) if header.raft_term >= newest => Ok(()),
            _ => Err(Failure::Status(Status {
                code: 14,
                message: format!("its leader is out of date, the newest term is {newest}"),
            })),
        }
    }

    /// Asks the endpoints in order until one answers: the next one at once when one fails, and as well when one is slow; all again after a pause,
    /// until the deadline. `call` must be something that may be done twice.
    pub(crate) async fn race<'a, T, F>(&'a self, deadline: Instant, call: F) -> Result<T, Error>
    where
        T: 'a,
        F: Fn(usize) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let (at, answer) = self.rounds(deadline, call).await?;
        self.note_success(at);
        Ok(answer)
    }

    /// A connection for what may be sent once only. That there is one proves nothing: a paused process still accepts them.
    pub(crate) async fn find(&self, deadline: Instant) -> Result<Ready, Error> {
        Ok(self.rounds(deadline, |at| Box::pin(self.ready(at))).await?.1)
    }

    async fn rounds<'a, T, F>(&'a self, deadline: Instant, call: F) -> Result<(usize, T), Error>
    where
        T: 'a,
        F: Fn(usize) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut failures: Vec<(String, Failure)> = Vec::new();
        let rounds = async {
            loop {
                match self.round(&call, &mut failures).await {
                    Ok(answer) => return Ok(answer),
                    Err(Some(error)) => return Err(error),
                    // Certificates do not fit any better at a second look.
                    Err(None)
                        if failures.iter().all(|(_, f)| matches!(f, Failure::Distrust(_))) =>
                    {
                        return Err(exhausted(&failures));
                    }
                    Err(None) => sleep(ROUND_PAUSE).await,
                }
            }
        };
        match timeout_at(deadline, rounds).await {
            Ok(result) => result,
            Err(_) if failures.is_empty() => {
                Err(Error::Unavailable("no endpoint of etcd answered in time".to_owned()))
            }
            Err(_) => Err(exhausted(&failures)),
        }
    }

    /// Every endpoint once. `Err(None)`: none answered. Leaves the newest failure of each in `failures`.
    async fn round<'a, T, F>(
        &'a self,
        call: &F,
        failures: &mut Vec<(String, Failure)>,
    ) -> Result<(usize, T), Option<Error>>
    where
        F: Fn(usize) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut waiting = self.order().into_iter();
        let mut running: Vec<(usize, BoxFuture<'a, Result<T, Failure>>)> = Vec::new();
        loop {
            match waiting.next() {
                Some(at) => running.push((at, call(at))),
                None if running.is_empty() => return Err(None),
                None => {}
            }
            let slow_at = Instant::now() + self.attempt_timeout;
            let first = poll_fn(|context| {
                for (place, (_, future)) in running.iter_mut().enumerate() {
                    if let Poll::Ready(result) = future.as_mut().poll(context) {
                        return Poll::Ready((place, result));
                    }
                }
                Poll::Pending
            });
            let (place, result) = tokio::select! {
                biased;
                first = first => first,
                () = sleep_until(slow_at) => {
                    if let Some((slow, _)) = running.last() {
                        let why = format!("no answer in {:?}", self.attempt_timeout);
                        self.note_failure(*slow, &why);
                        remember(failures, self.name(*slow), Failure::Lost(why));
                    }
                    continue;
                }
            };
            let (at, _) = running.swap_remove(place);
            match result {
                Ok(answer) => return Ok((at, answer)),
                Err(failure) => match failure.verdict() {
                    Verdict::Final(error) => return Err(Some(error)),
                    Verdict::NotDone | Verdict::PerhapsDone => {
                        self.note_failure(at, failure.text());
                        remember(failures, self.name(at), failure);
                    }
                },
            }
        }
    }
}

fn remember(failures: &mut Vec<(String, Failure)>, name: &str, failure: Failure) {
    match failures.iter_mut().find(|(known, _)| known == name) {
        Some(known) => known.1 = failure,
        None => failures.push((name.to_owned(), failure)),
    }
}

#[cfg(test)]
impl Endpoints {
    /// So many endpoints `e0`, `e1`, … that tests answer for.
    pub(crate) fn in_test(count: u16) -> Self {
        let all = (0..count).map(|n| Address {
            text: format!("e{n}"),
            host: "127.0.0.1".to_owned(),
            port: n,
            tls: false,
        });
        Self::new(all.collect(), None, None, Duration::from_millis(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_millis(1500)
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_failed_is_asked_last_until_it_answers() {
        let them = Endpoints::in_test(3);
        let asked = Mutex::new(Vec::new());
        let ask = |at: usize| -> BoxFuture<'_, Result<usize, Failure>> {
            lock(&asked).push(at);
            Box::pin(async move {
                if at == 0 { Err(Failure::NotSent("refused".into())) } else { Ok(at) }
            })
        };
        for _ in 0..3 {
            assert_eq!(them.race(deadline(), ask).await, Ok(1));
        }
        assert_eq!(*lock(&asked), [0, 1, 1, 1]);
        tokio::time::advance(Duration::from_millis(1)).await;
        them.note_failure(1, "test");
        assert_eq!(them.order(), [2, 0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_endpoint_costs_one_attempt_and_then_none() {
        let them = Endpoints::in_test(2);
        let ask = |at: usize| -> BoxFuture<'_, Result<usize, Failure>> {
            Box::pin(async move {
                if at == 0 {
                    std::future::pending::<()>().await;
                }
                Ok(at)
            })
        };
        let start = Instant::now();
        assert_eq!(them.race(deadline(), ask).await, Ok(1));
        assert_eq!(start.elapsed(), Duration::from_millis(300));
        assert_eq!(them.race(deadline(), ask).await, Ok(1));
        assert_eq!(start.elapsed(), Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_still_counts_when_the_others_fail() {
        let them = Endpoints::in_test(2);
        let ask = |at: usize| -> BoxFuture<'_, Result<usize, Failure>> {
            Box::pin(async move {
                if at == 1 {
                    return Err(Failure::NotSent("refused".into()));
                }
                sleep(Duration::from_millis(900)).await;
                Ok(at)
            })
        };
        assert_eq!(them.race(deadline(), ask).await, Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn when_none_answers_the_call_ends_at_its_deadline_and_names_them() {
        let them = Endpoints::in_test(2);
        let ask = |at: usize| -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(async move {
                if at == 0 {
                    std::future::pending::<()>().await;
                }
                Err(Failure::NotSent("refused".into()))
            })
        };
        let start = Instant::now();
        let result = them.race(deadline(), ask).await;
        assert_eq!(start.elapsed(), Duration::from_millis(1500));
        assert_eq!(result, Err(Error::Unavailable("e0: no answer in 300ms; e1: refused".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_by_all_is_told_at_once_and_by_some_only_at_the_end() {
        let them = Endpoints::in_test(2);
        let distrust = || Failure::Distrust("bad certificate".into());
        let by_all =
            |_| -> BoxFuture<'_, Result<(), Failure>> { Box::pin(async move { Err(distrust()) }) };
        let by_some = |at: usize| -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(async move {
                Err(if at == 0 { distrust() } else { Failure::NotSent("refused".into()) })
            })
        };
        let start = Instant::now();
        assert!(matches!(them.race(deadline(), by_all).await, Err(Error::Denied(_))));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(matches!(them.race(deadline(), by_some).await, Err(Error::Unavailable(_))));
        assert_eq!(start.elapsed(), Duration::from_millis(1500));
    }

    #[test]
    fn another_cluster_and_an_old_leader_are_not_listened_to() {
        let them = Endpoints::in_test(1);
        let header =
            |cluster_id, raft_term| ResponseHeader { cluster_id, raft_term, ..Default::default() };
        assert_eq!(them.note_header(Some(&header(7, 3))), Ok(()));
        assert!(matches!(them.note_header(Some(&header(8, 3))), Err(Failure::Lost(_))));
        assert_eq!(them.check_term(Some(&header(7, 3))), Ok(()));
        assert!(them.check_term(Some(&header(7, 2))).is_err());
        assert!(them.check_term(None).is_err());
    }
}
