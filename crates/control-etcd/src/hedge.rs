//! Asking for what must not be late: the renewal of a lease.
//!
//! A member whose leader is gone keeps a renewal until its own time-out, and another endpoint may be gone with the leader. So attempts follow each
//! other quickly, each at the next endpoint, round and round, and all run on: the first answer counts. A renewal may be done any number
//! of times. What is slow is put behind the others as in `race`, but nothing waits for that.

use crate::endpoints::Endpoints;
use crate::failure::{Failure, Verdict, exhausted};
use control::{BoxFuture, Error};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Between two attempts. An answer takes a few milliseconds; a new leader is there some hundred after the old one is gone.
const NEXT_ATTEMPT: Duration = Duration::from_millis(60);
/// Attempts that run at the same time.
const ATTEMPTS_MAX: usize = 24;

struct Attempt<'a, T> {
    at: usize,
    since: Instant,
    is_told: bool,
    call: BoxFuture<'a, Result<T, Failure>>,
}

impl Endpoints {
    /// Asks until one answers or the deadline comes. `call` must be something that may be done any number of times.
    pub(crate) async fn hedge<'a, T, F>(&'a self, deadline: Instant, call: F) -> Result<T, Error>
    where
        T: 'a,
        F: Fn(usize) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut failures = Vec::new();
        match timeout_at(deadline, self.hedged(&call, &mut failures)).await {
            Ok(result) => {
                let (at, answer) = result?;
                self.note_success(at);
                Ok(answer)
            }
            Err(_) if failures.is_empty() => {
                Err(Error::Unavailable("no endpoint of etcd answered in time".to_owned()))
            }
            Err(_) => Err(exhausted(&failures)),
        }
    }

    async fn hedged<'a, T, F>(
        &'a self,
        call: &F,
        failures: &mut Vec<(String, Failure)>,
    ) -> Result<(usize, T), Error>
    where
        F: Fn(usize) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let order = self.order();
        let mut attempts: Vec<Attempt<'a, T>> = Vec::new();
        for turn in 0.. {
            let Some(&at) = order.get(turn % order.len().max(1)) else { break };
            if attempts.len() < ATTEMPTS_MAX {
                attempts.push(Attempt {
                    at,
                    since: Instant::now(),
                    is_told: false,
                    call: call(at),
                });
            }
            let next = Instant::now() + NEXT_ATTEMPT;
            while let Some((at, result)) = first(&mut attempts, next).await {
                let failure = match result {
                    Ok(answer) => return Ok((at, answer)),
                    Err(failure) => failure,
                };
                if let Verdict::Final(error) = failure.verdict() {
                    return Err(error);
                }
                self.note_failure(at, failure.text());
                self.remember(failures, at, failure);
                let all_distrust = failures.len() == order.len()
                    && failures.iter().all(|(_, f)| matches!(f, Failure::Distrust(_)));
                if all_distrust {
                    return Err(exhausted(failures));
                }
                if turn + 1 < order.len() {
                    // Somebody has not been asked yet.
                    break;
                }
            }
            self.tell_slow(&mut attempts, failures);
        }
        Err(Error::Invalid("there is no endpoint".to_owned()))
    }

    /// Puts endpoints that leave an attempt unanswered behind the others.
    fn tell_slow<T>(&self, attempts: &mut [Attempt<'_, T>], failures: &mut Vec<(String, Failure)>) {
        let patience = self.attempt_timeout();
        for attempt in attempts.iter_mut().filter(|a| !a.is_told && a.since.elapsed() >= patience) {
            attempt.is_told = true;
            let why = format!("no answer in {patience:?}");
            self.note_failure(attempt.at, &why);
            self.remember(failures, attempt.at, Failure::Lost(why));
        }
    }
}

/// The first attempt that ends before `until`; it is taken out.
async fn first<T>(
    attempts: &mut Vec<Attempt<'_, T>>,
    until: Instant,
) -> Option<(usize, Result<T, Failure>)> {
    let ended = poll_fn(|context| {
        for (place, attempt) in attempts.iter_mut().enumerate() {
            if let Poll::Ready(result) = attempt.call.as_mut().poll(context) {
                return Poll::Ready((place, result));
            }
        }
        Poll::Pending
    });
    let (place, result) = tokio::select! {
        biased;
        ended = ended => ended,
        () = sleep_until(until) => return None,
    };
    Some((attempts.swap_remove(place).at, result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_millis(600)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_at_once_asks_nobody_else() {
        let them = Endpoints::in_test(3);
        let asked = Mutex::new(Vec::new());
        let ask = |at: usize| -> BoxFuture<'_, Result<usize, Failure>> {
            asked.lock().unwrap().push(at);
            Box::pin(async move { Ok(at) })
        };
        assert_eq!(them.hedge(deadline(), ask).await, Ok(0));
        assert_eq!(*asked.lock().unwrap(), [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_that_hangs_on_a_lost_leader_is_asked_again_and_answers_once_there_is_a_new_one()
     {
        let them = Endpoints::in_test(3);
        let begun = Instant::now();
        let elected = begun + Duration::from_millis(350);
        // 0 and 2 hang what they are asked before the election for ever; 1 is the dead machine.
        let ask = |at: usize| -> BoxFuture<'_, Result<usize, Failure>> {
            let is_heard = at != 1 && Instant::now() >= elected;
            Box::pin(async move {
                if !is_heard {
                    std::future::pending::<()>().await;
                }
                Ok(at)
            })
        };
        assert!(them.hedge(deadline(), ask).await.is_ok());
        assert!(begun.elapsed() <= Duration::from_millis(350) + 2 * NEXT_ATTEMPT);
    }

    #[tokio::test(start_paused = true)]
    async fn refused_attempts_go_on_at_the_next_at_once_and_do_not_spin() {
        let them = Endpoints::in_test(2);
        let count = Mutex::new(0);
        let ask = |_| -> BoxFuture<'_, Result<(), Failure>> {
            *count.lock().unwrap() += 1;
            Box::pin(async move { Err(Failure::NotSent("refused".into())) })
        };
        let begun = Instant::now();
        let result = them.hedge(deadline(), ask).await;
        assert_eq!(result, Err(Error::Unavailable("e0: refused; e1: refused".into())));
        assert_eq!(begun.elapsed(), Duration::from_millis(600));
        assert!(*count.lock().unwrap() <= 12, "{count:?}");
    }
}
