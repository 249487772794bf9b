//! ^C: the command ends, what it asked for goes on, and that is said.
//!
//! Only a command that waits for the cluster asks for this; all others end at once and silently.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;

/// 128 and the number of the signal, as shells have it.
const SIGNAL_CODE: i32 = 128;

/// From now on ^C says that the operation goes on.
pub(crate) fn say_that_it_goes_on(name: &str) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    let name = name.to_owned();
    ONCE.call_once(move || listen(name));
}

fn listen(name: String) {
    // Without the handler ^C ends the command without the sentence: no reason not to do its work.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _ = writeln!(
                std::io::stderr().lock(),
                "\n{name}: no longer waiting; what was asked for goes on in the cluster, `scstat -g` shows how far it is"
            );
            std::process::exit(SIGNAL_CODE + signal);
        }
    });
}
