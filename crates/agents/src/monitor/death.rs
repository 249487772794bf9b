//! Waits for the death of a service's process tree, in a thread of its own, so that a probe under way delays nothing.

use crate::service::Part;
use crate::subject::Subject;
use node_api::{Ask, Client, ClientError};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What the watch learns.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The tree that was watched has died.
    Died,
    /// There is none to watch.
    NotThere,
    /// The daemon cannot be asked.
    Blind(ClientError),
}

/// One death is told per `arm`, with the number it was armed with: a death that was meant, in a restart, is told apart by it.
#[derive(Debug)]
pub(crate) struct DeathWatch {
    arm: Sender<u64>,
}

impl DeathWatch {
    /// Watches the service of a resource; `told` is called with what is seen.
    pub(crate) fn start(subject: &Subject, told: impl Fn(u64, Seen) + Send + 'static) -> Self {
        let (arm, armed) = channel();
        let (client, tag) = (subject.client.clone(), Part::Service.tag(&subject.call));
        // Ends with the process, or when nobody arms it any more.
        thread::spawn(move || watch(&client, &tag, &armed, told));
        Self { arm }
    }

    /// From now on a death is told.
    pub(crate) fn arm(&self, number: u64) {
        // The thread lives as long as we do.
        let _ = self.arm.send(number);
    }
}

fn watch(client: &Client, tag: &str, armed: &Receiver<u64>, told: impl Fn(u64, Seen)) {
    while let Ok(number) = armed.recv() {
        let ask = Ask::PmfDeath { tag: tag.to_owned() };
        let seen = match client.order(&ask) {
            Ok(_) => Seen::Died,
            Err(ClientError::Refused(_)) => Seen::NotThere,
            Err(error) => Seen::Blind(error),
        };
        told(number, seen);
    }
}
