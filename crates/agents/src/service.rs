//! What a resource runs under the process monitor facility (§6.2 of the semantics): tags `GROUP,RESOURCE,0.svc` for the service and
//! `GROUP,RESOURCE,0.mon` for its fault monitor.
//!
//! PMF never restarts a service by itself: its deaths must enter the monitor's history. It does restart monitors, within Monitor_retry_count and
//! Monitor_retry_interval.

use crate::call::Call;
use crate::failure::{Doing, Outcome, failed};
use crate::subject::Subject;
use pmf::{CreateTag, Period, PmfAnswer, PmfRequest, Retries, TagStatus, Wait};

/// SIGKILL.
const KILL: i32 = 9;

/// What a tag is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The service.
    Service,
    /// Its fault monitor.
    Monitor,
}

impl Part {
    /// The tag's name.
    pub(crate) fn tag(self, call: &Call) -> String {
        let suffix = match self {
            Self::Service => "svc",
            Self::Monitor => "mon",
        };
        format!("{},{},0.{suffix}", call.group, call.resource)
    }
}

/// A program of this binary, as a command: `steadfast methods NAME -R r -T t -G g`.
pub(crate) fn own_command(name: &str, call: &Call) -> Outcome<Vec<String>> {
    let exe = std::env::current_exe().doing("finding the path of this program")?;
    let exe = exe.to_string_lossy().into_owned();
    let (r, t, g) = (call.resource.as_str(), call.type_name.as_str(), call.group.as_str());
    let words = [exe.as_str(), "methods", name, "-R", r, "-T", t, "-G", g];
    Ok(words.map(str::to_owned).to_vec())
}

/// A tag with the environment of this method, never restarted.
pub(crate) fn new_tag(part: Part, call: &Call, command: Vec<String>) -> CreateTag {
    let env = std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    CreateTag { env: env.collect(), ..CreateTag::new(part.tag(call), command) }
}

/// What the tag is doing; `None`: there is no such tag.
pub(crate) fn status(subject: &Subject, part: Part) -> Outcome<Option<TagStatus>> {
    let answer = subject.client.pmf(PmfRequest::Status { tag: part.tag(&subject.call) })?;
    Ok(answer.tags.into_iter().next())
}

/// Whether there is such a tag.
pub(crate) fn runs(subject: &Subject, part: Part) -> Outcome<bool> {
    let answer = subject.client.pmf(PmfRequest::Query { tag: part.tag(&subject.call) })?;
    Ok(answer.exit == 0)
}

/// Creates a tag; the error is PMF's sentence.
pub(crate) fn create(subject: &Subject, tag: CreateTag) -> Outcome {
    let answer = subject.client.pmf(PmfRequest::Create(tag))?;
    if answer.exit == 0 { Ok(()) } else { failed(answer.message) }
}

/// Starts a monitor program unless it runs.
pub(crate) fn start_monitor(subject: &Subject, command: Vec<String>) -> Outcome {
    if runs(subject, Part::Monitor)? {
        return Ok(());
    }
    let retries = subject.number("Monitor_retry_count", 4);
    let period = subject.number("Monitor_retry_interval", 2);
    let tag = CreateTag {
        retries: Retries::try_from(retries).unwrap_or(Retries::AtMost(4)),
        period: Period::try_from(period).unwrap_or(Period::Minutes(2)),
        ..new_tag(Part::Monitor, &subject.call, command)
    };
    create(subject, tag)
}

/// Ends a tag: no more restarts, this signal (if any) to the whole tree, then waits. FALSE: it did not end in time.
pub(crate) fn stop(
    subject: &Subject,
    part: Part,
    signal: Option<i32>,
    wait: Wait,
) -> Outcome<bool> {
    let tag = part.tag(&subject.call);
    let answer = subject.client.pmf(PmfRequest::Stop { tag, signal, wait: Some(wait) })?;
    match answer.exit {
        0 => Ok(true),
        PmfAnswer::TIMED_OUT => Ok(false),
        // Refused, or there is no such tag (any more), which is what was wanted.
        _ if !runs(subject, part)? => Ok(true),
        _ => failed(answer.message),
    }
}

/// Kills a tag's whole tree and waits until nobody of it is left.
pub(crate) fn kill(subject: &Subject, part: Part, wait: Wait) -> Outcome<bool> {
    stop(subject, part, Some(KILL), wait)
}

/// MONITOR_STOP of every built-in type.
pub(crate) fn stop_monitor(subject: &Subject) -> Outcome {
    kill(subject, Part::Monitor, Wait::Forever).map(drop)
}
