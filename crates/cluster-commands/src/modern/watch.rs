//! `steadfast cluster watch`: the state of the cluster, kept up to date on a terminal; anywhere else, the decisions as they are made.
//!
//! A terminal gets its old content back, however the command ends. Nothing is asked of the cluster but to be told.

use super::arguments::At;
use crate::session::Session;
use crate::sun::Failure;
use crate::view::status::{self, Decided, StatusView};
use crate::view::{Sections, clean, status_text, time};
use node_api::{Ask, Client, Reply};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

/// The longest time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause before the daemon is asked again when it went away.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Decisions at the bottom of the screen.
const DECISIONS_SHOWN: usize = 5;
/// Decisions that are remembered, so as to say none twice.
const SAID_MAX: usize = 4096;
/// Events that wait.
const EVENTS_MAX: usize = 256;
/// The other screen, without a cursor; and back.
const SCREEN_ON: &str = "\x1b[?1049h\x1b[?25l";
const SCREEN_OFF: &str = "\x1b[?25h\x1b[?1049l";

/// What happens.
enum Event {
    Decided(Option<String>, Decided),
    Resized,
    Ended,
}

/// Watches until a signal comes, or nobody reads any more.
pub(super) fn run(at: &At, session: &mut Session<'_>) -> Result<(), Failure> {
    // A wrong socket is said at once, and not tried for ever.
    let first = session.client.snapshot()?;
    let events = listen(session.client.clone())
        .map_err(|e| Failure::Refused(format!("signals cannot be awaited: {e}")))?;
    let watch = Watch { client: session.client.clone(), events, json: at.json };
    let on_screen = session.around.columns.is_some() && io::stdout().is_terminal() && !at.json;
    // A reader that went away has what it wanted.
    let _ = if on_screen {
        let _ = session.out.write_all(SCREEN_ON.as_bytes());
        let shown = watch.screen(session.out);
        let _ = session.out.write_all(SCREEN_OFF.as_bytes());
        session.out.flush().and(shown)
    } else {
        watch.lines(&first, session.out, session.err)
    };
    Ok(())
}

struct Watch {
    client: Client,
    events: Receiver<Event>,
    json: bool,
}

impl Watch {
    fn screen(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        let mut own: VecDeque<(String, Decided)> = VecDeque::new();
        loop {
            match self.client.snapshot() {
                Ok(snapshot) => {
                    let cluster = snapshot.cluster();
                    let view = status::build(&snapshot, &cluster, None);
                    text = page(&view, &own);
                }
                Err(error) => {
                    let old = text.split_once("\n\n").map_or("", |(_, rest)| rest).to_owned();
                    text = format!("{error}; what follows is old\n\n{old}");
                }
            }
            paint(out, &text)?;
            match self.events.recv_timeout(LOOK_EVERY) {
                Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(Event::Decided(None, decided)) => {
                    own.push_back((String::new(), decided));
                    own.drain(..own.len().saturating_sub(DECISIONS_SHOWN));
                }
                Ok(Event::Decided(Some(_), _) | Event::Resized)
                | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// What this node says, and what the saved histories of all groups say.
    fn lines(
        &self,
        first: &node_api::Snapshot,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<()> {
        let mut said: VecDeque<(String, Decided)> = of_groups(&view(first)).into();
        let mut away = false;
        loop {
            match self.events.recv_timeout(LOOK_EVERY) {
                Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(Event::Decided(group, decided)) => {
                    self.line(&mut said, (group.unwrap_or_default(), decided), out)?;
                }
                Ok(Event::Resized) | Err(RecvTimeoutError::Timeout) => {}
            }
            match self.client.snapshot() {
                Ok(snapshot) => {
                    away = false;
                    for one in of_groups(&view(&snapshot)) {
                        self.line(&mut said, one, out)?;
                    }
                }
                Err(error) if !away => {
                    away = true;
                    writeln!(err, "steadfast: {error}; it is asked again and again")?;
                }
                Err(_) => {}
            }
        }
    }

    fn line(
        &self,
        said: &mut VecDeque<(String, Decided)>,
        one: (String, Decided),
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if said.contains(&one) {
            return Ok(());
        }
        let (group, decided) = &one;
        if self.json {
            let mut value = serde_json::json!(decided);
            value["group"] =
                if group.is_empty() { serde_json::Value::Null } else { group.as_str().into() };
            writeln!(out, "{value}")?;
        } else {
            writeln!(out, "{}", sentence(group, decided))?;
        }
        out.flush()?;
        said.push_back(one);
        said.drain(..said.len().saturating_sub(SAID_MAX));
        Ok(())
    }
}

fn view(snapshot: &node_api::Snapshot) -> StatusView {
    status::build(snapshot, &snapshot.cluster(), None)
}

/// The saved decisions of all groups, oldest first.
fn of_groups(view: &StatusView) -> Vec<(String, Decided)> {
    let of_group = |group: &status::GroupView| {
        let name = group.name.to_string();
        group.decisions.iter().map(move |d| (name.clone(), d.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(String, Decided)> = view.groups.iter().flat_map(of_group).collect();
    all.sort_by_key(|(_, decided)| decided.at_ms);
    all
}

fn sentence(group: &str, decided: &Decided) -> String {
    // Most sentences about a group begin with its name.
    let names_it = group.is_empty() || decided.sentence.contains(group);
    let group = if names_it { String::new() } else { format!("{group}: ") };
    format!("{}  {group}{}  [{}]", time(decided.at_ms), decided.sentence, decided.by)
}

/// Everything on the screen, longest lines and all.
fn page(view: &StatusView, own: &VecDeque<(String, Decided)>) -> String {
    let sections = Sections { nodes: true, groups: true, ..Sections::default() };
    let health = if view.healthy { "all is well" } else { "not all is well" };
    let node = view.node.as_ref().map_or("?", |n| n.as_str());
    let mut decisions = of_groups(view);
    decisions.extend(own.iter().cloned());
    decisions.sort_by_key(|(_, decided)| decided.at_ms);
    let from = decisions.len().saturating_sub(DECISIONS_SHOWN);
    let last: Vec<String> =
        decisions.iter().skip(from).map(|(group, d)| format!("  {}", sentence(group, d))).collect();
    format!(
        "{} UTC  cluster {} as {node} sees it: {health}  (^C ends)\n\n-- Last decisions --\n\n{}\n\n{}",
        time(view.now_ms),
        view.cluster,
        if last.is_empty() { "  none".to_owned() } else { last.join("\n") },
        status_text::render(view, sections)
    )
}

/// As much as there is room for. Every line is cleared behind its text, so nothing flickers.
fn paint(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let (columns, rows) = crate::session::size_of(&io::stdout());
    let mut screen = String::from("\x1b[H");
    let lines: Vec<&str> = text.lines().collect();
    let shown = if lines.len() > rows { rows.saturating_sub(1) } else { lines.len() };
    for (at, line) in lines.iter().take(shown).enumerate() {
        let cut: String = clean(line).chars().take(columns).collect();
        let end = if at + 1 < rows { "\r\n" } else { "" };
        screen.push_str(&format!("{cut}\x1b[K{end}"));
    }
    if lines.len() > shown {
        screen.push_str(&format!("({} more lines)\x1b[K", lines.len() - shown));
    }
    screen.push_str("\x1b[J");
    out.write_all(screen.as_bytes())?;
    out.flush()
}

/// Signals and decisions, in the order in which they come.
fn listen(client: Client) -> io::Result<Receiver<Event>> {
    let (to, events) = mpsc::sync_channel(EVENTS_MAX);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH])?;
    let ends = to.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let event = if signal == SIGWINCH { Event::Resized } else { Event::Ended };
            if ends.send(event).is_err() {
                return;
            }
        }
    })?;
    thread::Builder::new().name("follow".to_owned()).spawn(move || follow(&client, &to))?;
    Ok(events)
}

/// Tells what the daemon tells, for as long as somebody listens.
fn follow(client: &Client, to: &SyncSender<Event>) {
    let mut heard = true;
    while heard {
        // Ends when the daemon goes away; whoever looks at it says so.
        let _ = client.ask(&Ask::Follow, |reply| {
            if let Reply::Decided { group, decision } = reply {
                let decided = Decided {
                    at_ms: decision.at_ms,
                    sentence: clean(&decision.sentence),
                    by: clean(&decision.by),
                };
                heard = to
                    .send(Event::Decided(group.as_ref().map(ToString::to_string), decided))
                    .is_ok();
            }
        });
        thread::sleep(ASK_AGAIN);
    }
}
