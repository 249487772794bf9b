//! `pmfadm`: programs under the process monitor facility of this node.

use super::Failure;
use crate::session::Session;
use crate::table::parse::{Parsed, UsageError};
use crate::table::{Command, Form, Operands, Opt, flag, form, repeats, value};
use crate::typed;
use node_api::request::SchaGet;
use pmf::{CreateTag, Period, PmfAnswer, PmfRequest, Retries, Wait};
use std::path::Path;

/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 255;
/// Deepest `-C`.
const LEVEL_MAX: i64 = 1000;

const OPTIONS: &[Opt] = &[
    value("c", "tag", "create the tag and start the command under it"),
    value("m", "tag", "change the limits of a tag; its history of failures is cleared"),
    value("s", "tag", "restart no more; send the signal when one is given"),
    value(
        "k",
        "tag",
        "send the signal (KILL unless it is given); restarted while the limits allow",
    ),
    value("l", "tag", "show a tag"),
    flag("L", "list the tags; of others only for root"),
    value("q", "tag", "exit code 0 when the tag runs, else 1"),
    value(
        "a",
        "action",
        "program that is run as `action failed tag` when it has died too often; exit code 0 restarts",
    ),
    repeats(value(
        "e",
        "VAR=value",
        "environment variable of the command; without =value the caller's",
    )),
    flag("E", "the caller's whole environment"),
    value("n", "retries", "restarts allowed within the period; default 0, -1: no limit"),
    value("t", "minutes", "how long a failure counts; default -1: for ever"),
    value("C", "level", "descendants down to this depth keep the tag alive; default: all"),
    value("w", "seconds", "wait for the processes to end; -1: as long as it takes"),
    value("h", "host", "the node; only the local one can be asked"),
];

const fn with(of: Form, operands: Operands) -> Form {
    Form { operands, ..of }
}

/// The command.
pub(crate) static COMMAND: Command = Command {
    name: "pmfadm",
    purpose: "start, watch, restart and end programs as process trees",
    description: "pmfadm starts a program under a tag. When the last process of its tree (or of its upper levels, -C) has died it is restarted, as often within a period as the limits allow; then the action program decides. The program gets an empty environment unless -e or -E are given. It runs as the caller; only its owner and root may change it.",
    forms: &[
        // First, so that -E with -e is called wrong for the -e.
        with(
            form(
                "create",
                "c E",
                "a n t C",
                "start a command under a new tag, with the caller's environment",
            ),
            Operands::Some("command"),
        ),
        with(
            form("create", "c", "a e n t C", "start a command under a new tag"),
            Operands::Some("command"),
        ),
        form("modify", "m", "n t", "change the limits of a tag"),
        with(form("stop", "s", "w", "restart no more"), Operands::Optional("signal")),
        with(
            form("kill", "k", "w", "send a signal to all processes of a tag"),
            Operands::Optional("signal"),
        ),
        form("status", "l", "h", "show a tag"),
        form("list", "L", "h", "list the tags"),
        form("query", "q", "h", "ask whether a tag runs"),
    ],
    options: OPTIONS,
    ends_at_operand: true,
    exit: &[
        ("0", "done"),
        (
            "1",
            "there is no such tag, or (-c) there is one already, or it was refused or not understood",
        ),
        ("2", "the processes had not ended when the time of -w was over"),
    ],
    examples: &[
        (
            "pmfadm -c web -n 4 -t 60 /opt/web/bin/httpd -f /etc/web.conf",
            "restart it up to four times an hour",
        ),
        ("pmfadm -l web", "show how it does"),
        ("pmfadm -s web -w 30 TERM", "end it, and wait for at most 30 seconds"),
    ],
    see_also: "scha_control(1HA), steadfast(1)",
};

fn tag(typed_tag: &str) -> Result<String, UsageError> {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    if typed_tag.is_empty() || typed_tag.len() > TAG_BYTES_MAX || typed_tag.contains(bad) {
        return Err(UsageError::new(format!(
            "{} is no tag: give 1 to {TAG_BYTES_MAX} bytes without blanks",
            typed::shown(typed_tag)
        )));
    }
    Ok(typed_tag.to_owned())
}

fn limit<T: TryFrom<i64, Error = String>>(
    parsed: &Parsed,
    option: &'static str,
) -> Result<Option<T>, UsageError> {
    let Some(given) = parsed.value(option) else { return Ok(None) };
    let number: i64 = given.parse().map_err(|_| {
        UsageError::new(format!("-{option} {} is not a number", typed::shown(given)))
    })?;
    T::try_from(number).map(Some).map_err(|why| UsageError::new(format!("-{option}: {why}")))
}

fn signal(parsed: &Parsed) -> Result<Option<i32>, UsageError> {
    let Some(given) = parsed.operands.first() else { return Ok(None) };
    pmf::parse_signal(given).map(Some).ok_or_else(|| {
        UsageError::new(format!(
            "{} is no signal; give a name such as TERM or a number such as 15",
            typed::shown(given)
        ))
    })
}

fn create(parsed: &Parsed, session: &Session<'_>) -> Result<PmfRequest, UsageError> {
    let mut created = CreateTag::new(tag(parsed.value("c").unwrap_or_default())?, &parsed.operands);
    let environment = &session.around.environment;
    let own = |name: &str| environment.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
    if parsed.has("E") {
        created.env.clone_from(environment);
    }
    for given in parsed.values("e") {
        let (name, value) = match given.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (given, own(given)),
        };
        let Some(value) = value.filter(|_| !name.is_empty()) else {
            return Err(UsageError::new(format!(
                "-e {}: give VAR=value, or the name of a variable that you have",
                typed::shown(given)
            )));
        };
        created.env.push((name.to_owned(), value));
    }
    let program = created.command.first_mut();
    if let Some(program) = program.filter(|p| !p.contains('/'))
        && !created.env.iter().any(|(name, _)| name == "PATH")
        && let Some(path) = own("PATH")
    {
        // The command's own environment has no PATH: the caller's says what is meant.
        let found = path.split(':').map(|d| Path::new(d).join(&*program)).find(|p| p.is_file());
        if let Some(found) = found.and_then(|p| p.to_str().map(str::to_owned)) {
            *program = found;
        }
    }
    created.cwd.clone_from(&session.around.directory);
    created.action = parsed.value("a").map(str::to_owned);
    created.retries = limit(parsed, "n")?.unwrap_or(created.retries);
    created.period = limit(parsed, "t")?.unwrap_or(created.period);
    created.level = match parsed.value("C") {
        None => None,
        Some(given) => u32::try_from(typed::number("-C", given, (0, LEVEL_MAX), "levels")?).ok(),
    };
    Ok(PmfRequest::Create(created))
}

/// Translates.
pub(crate) fn ask(parsed: &Parsed, session: &Session<'_>) -> Result<PmfRequest, UsageError> {
    let wait = || limit::<Wait>(parsed, "w");
    let of = |option: &'static str| tag(parsed.value(option).unwrap_or_default());
    Ok(match parsed.form.id {
        "create" => create(parsed, session)?,
        "modify" => {
            let (retries, period) = (limit::<Retries>(parsed, "n")?, limit::<Period>(parsed, "t")?);
            if retries.is_none() && period.is_none() {
                return Err(UsageError::new("nothing is said to be changed; give -n or -t"));
            }
            PmfRequest::Modify { tag: of("m")?, retries, period }
        }
        "stop" => PmfRequest::Stop { tag: of("s")?, signal: signal(parsed)?, wait: wait()? },
        "kill" => PmfRequest::Kill { tag: of("k")?, signal: signal(parsed)?, wait: wait()? },
        "status" => PmfRequest::Status { tag: of("l")? },
        "query" => PmfRequest::Query { tag: of("q")? },
        _ => PmfRequest::List,
    })
}

/// Runs it.
pub(crate) fn run(parsed: &Parsed, session: &mut Session<'_>) -> Result<(), Failure> {
    let request = ask(parsed, session)?;
    if let Some(host) = parsed.value("h") {
        let here = session.client.scha(SchaGet::Cluster, "NODENAME_LOCAL", &[])?;
        if here.first().is_none_or(|node| node != host) {
            let here = here.join("");
            return Err(Failure::Refused(format!(
                "this is {here}, and a node is asked only where it is: run pmfadm on {}",
                typed::shown(host)
            )));
        }
    }
    let is_list = request == PmfRequest::List;
    let PmfAnswer { exit, message, tags } = session.client.pmf(request)?;
    if is_list {
        let names: Vec<&str> = tags.iter().map(|t| t.tag.as_str()).collect();
        if !names.is_empty() {
            session.answer(&format!("tags: {}\n", names.join(" ")));
        }
    } else {
        tags.iter().for_each(|status| session.answer(&status.to_string()));
    }
    if !message.is_empty() {
        session.complain(&message);
    }
    if exit == 0 { Ok(()) } else { Err(Failure::Code(exit)) }
}
