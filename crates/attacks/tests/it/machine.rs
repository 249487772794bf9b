//! Row 49: no file descriptors, a mistake in the program, a neighbour that takes the whole processor, nobody who reads the log.

use crate::raw::Raw;
use crate::service::{Door, Plan, Service, wait_until};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Descriptors of the service, and connections that want one.
const FILES: u32 = 256;
const WANTED: usize = 400;

#[test]
fn without_descriptors_for_strangers_sessions_and_monitoring_go_on() {
    let mut service =
        Service::start(Plan { shell: Some(format!("ulimit -n {FILES}")), ..Plan::with("") });
    let mut romeo = Raw::online(&service, Door::Direct, "romeo", "orchard");
    let address = service.address(Door::StartTls);
    let strangers: Vec<TcpStream> =
        (0..WANTED).map(|_| TcpStream::connect(address).unwrap()).collect();
    wait_until("some are refused", || service.metric("steadfast_mux_refused_total_total") > 0);
    romeo.say("<message to='romeo@localhost/orchard'><body>still here</body></message>");
    romeo.hear("still here");
    assert!(
        service.http("/healthz").contains("ok"),
        "the monitoring port has descriptors of its own"
    );
    assert!(service.open_files() < FILES as usize);
    drop(strangers);
    wait_until("there is room again", || service.metric("steadfast_mux_connections") <= 1);
    Raw::online(&service, Door::Direct, "juliet", "balcony");
    assert!(service.is_running());
}

#[test]
fn a_probe_is_answered_while_a_neighbour_takes_the_whole_processor() {
    let service = Service::with("");
    let stop = AtomicBool::new(false);
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let probed = service.probe();
        stop.store(true, Ordering::Relaxed);
        let said = String::from_utf8_lossy(&probed.stderr).into_owned();
        assert!(probed.status.success(), "{said}");
    });
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let shell = Some("exec 2>/dev/full".to_owned());
    let mut service = Service::start(Plan { shell, ..Plan::with("[log]\nlevel = \"trace\"") });
    let mut romeo = Raw::online(&service, Door::Direct, "romeo", "orchard");
    Raw::connect(&service, Door::Open).say("garbage");
    romeo.sync();
    assert!(service.is_running());
}

/// There is no way to make the program panic from outside, and there must not be one. So this looks at the two places that
/// turn a panic of any thread into the end of the process.
#[test]
fn a_panic_of_any_thread_ends_the_process() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let manifest = read("Cargo.toml");
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    assert!(release.split("\n[").next().unwrap().contains("panic = \"abort\""));
    let serve = read("crates/steadfast/src/commands/serve.rs");
    let hook = serve.split("fn end_on_panic()").nth(1).unwrap();
    assert!(hook.contains("set_hook") && hook.contains("std::process::abort()"));
    let body = serve.split("fn serve_with").nth(1).unwrap();
    let started = body.find("Runtime").or(body.find("runtime")).unwrap();
    assert!(body.find("end_on_panic();").unwrap() < started, "before any thread is started");
}
