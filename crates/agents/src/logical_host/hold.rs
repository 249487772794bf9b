//! The bare claim: an address that is only held, not configured, as on the loopback interface of `steadfast up`.
//!
//! A small process under PMF listens at an abstract socket named for the address. Such a name exists once per network namespace, which is the
//! reach of the address too; and it is free the moment the process is dead, so nothing is ever left to undo. Who connects is told who
//! holds it.

use crate::call::Call;
use crate::failure::{Doing, Outcome, failed};
use crate::service::{self, Part};
use crate::subject::Subject;
use pmf::Wait;
use std::io::{ErrorKind, Read, Write};
use std::net::IpAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// How long START waits for an earlier holder to be dead, and for its own to hold. Both take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// First pause between two looks; it doubles up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_LAST: Duration = Duration::from_millis(50);
/// A holder that says more than this is none of ours.
const IDENTITY_BYTES_MAX: u64 = 1024;
/// A holder that does not say who it is within this time is not waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

fn socket_of(address: IpAddr) -> Outcome<SocketAddr> {
    SocketAddr::from_abstract_name(format!("steadfast-address-{address}"))
        .doing(format_args!("naming the claim of {address}"))
}

/// Who holds an address: what its holder says.
fn holder(address: IpAddr) -> Outcome<Option<String>> {
    let Ok(stream) = UnixStream::connect_addr(&socket_of(address)?) else { return Ok(None) };
    let mut said = String::new();
    stream
        .set_read_timeout(Some(ANSWER_TIMEOUT))
        .doing(format_args!("asking who holds {address}"))?;
    match stream.take(IDENTITY_BYTES_MAX).read_to_string(&mut said) {
        // One that ends before it has answered holds nothing any more.
        Ok(_) => Ok(Some(said).filter(|said| !said.is_empty())),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Ok(Some(format!("a process that does not say who it is ({error})"))),
    }
}

/// How a resource on a node is called among the holders of one machine.
fn identity(call: &Call, node: &str) -> String {
    format!("resource {} of group {} on node {node}", call.resource, call.group)
}

/// START: the holder is started and holds all addresses. Idempotent.
pub(super) fn take(subject: &Subject, addresses: &[IpAddr]) -> Outcome {
    let ours = identity(&subject.call, subject.node.as_str());
    let until = Instant::now() + PATIENCE;
    let mut pause = PAUSE_FIRST;
    loop {
        let mut others = None;
        let mut held = 0;
        for address in addresses {
            match holder(*address)? {
                Some(holder) if holder == ours => held += 1,
                Some(holder) => others = Some((*address, holder)),
                None => {}
            }
        }
        if held == addresses.len() {
            return Ok(());
        }
        if others.is_none() && !service::runs(subject, Part::Service)? {
            start(subject, addresses)?;
        }
        if Instant::now() >= until {
            return failed(match others {
                Some((address, holder)) => format!(
                    "{address} is held by {holder}: take the group offline there, or give this resource another address"
                ),
                None => format!("the holder of {addresses:?} did not start within {PATIENCE:?}"),
            });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_LAST);
    }
}

fn start(subject: &Subject, addresses: &[IpAddr]) -> Outcome {
    let mut command = service::own_command("logicalhostname_hold", &subject.call)?;
    command.push("--".to_owned());
    command.push(subject.node.to_string());
    command.extend(addresses.iter().map(ToString::to_string));
    service::create(subject, service::new_tag(Part::Service, &subject.call, command))
}

/// STOP. Idempotent.
pub(super) fn leave(subject: &Subject) -> Outcome {
    service::kill(subject, Part::Service, Wait::Forever).map(drop)
}

/// The holder itself: `logicalhostname_hold -R … -- NODE ADDRESS…`. Ends only by being killed, or at once when it cannot hold them all.
pub(crate) fn run(call: &Call) -> Outcome {
    let Some((node, addresses)) = call.command.split_first() else {
        return failed("the holder of addresses was given none");
    };
    let identity = identity(call, node);
    let mut listeners = Vec::new();
    for text in addresses {
        let address: IpAddr = text.parse().or_else(|_| failed(format!("{text} is no address")))?;
        let listener = UnixListener::bind_addr(&socket_of(address)?)
            .doing(format_args!("claiming {address} on this machine"))?;
        listeners.push(listener);
    }
    std::thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(|| answer(listener, &identity));
        }
    });
    Ok(())
}

fn answer(listener: &UnixListener, identity: &str) {
    for stream in listener.incoming() {
        match stream {
            // Who does not listen to the answer need not have it.
            Ok(mut stream) => drop(stream.write_all(identity.as_bytes())),
            Err(_) => std::thread::sleep(PAUSE_LAST),
        }
    }
}
