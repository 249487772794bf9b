//! Row 46: a file system without room, as a real one of its own. Refused, kept, and over when there is room.
//!
//! Needs root to mount a tmpfs; without, it says so, and the simulated disk of `im-store-sqlite` stands for it alone.

use crate::raw::Raw;
use crate::service::{Door, Plan, Service, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system that goes away with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        std::fs::create_dir_all(place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=96m,mode=0700", "steadfast-test"])
            .arg(place)
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(place.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn without_room_messages_are_refused_and_with_room_everything_goes_on() {
    let dir = tempfile::Builder::new().prefix("steadfast-disk-").tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&dir.path().join("disk")) else {
        eprintln!("NOT TESTED HERE: a small file system cannot be mounted without root");
        return;
    };
    let data = Some(disk.0.join("data"));
    let mut service = Service::start(Plan { data, ..Plan::with("") });
    let mut romeo = Raw::online(&service, Door::Open, "romeo", "orchard");
    let message = |n: usize| {
        format!("<message to='juliet@localhost' type='chat' id='m{n}'><body>m{n}.</body></message>")
    };
    for n in 0..10 {
        romeo.say(message(n));
    }
    let heard = romeo.sync();
    assert!(!heard.contains("type='error'"), "{heard}");
    fill(&disk.0.join("filler"));
    let mut n = 10;
    wait_until("messages are refused", || {
        romeo.say(message(n));
        n += 1;
        romeo.sync().contains("resource-constraint")
    });
    let refused = n - 1;
    assert!(service.is_running(), "a full disk is no reason to end");
    assert!(service.http("/healthz").contains("ok"), "nor to be taken for dead");
    assert!(service.metric("steadfast_refused_for_room_total") > 0);
    std::fs::remove_file(disk.0.join("filler")).unwrap();
    wait_until("there is room again", || {
        n += 1;
        romeo.say(message(n));
        !romeo.sync().contains("resource-constraint")
    });
    service.kill_and_restart();
    let mut juliet = Raw::login(&service, Door::Open, "juliet", "balcony");
    juliet.say("<presence/>");
    let heard = juliet.hear(&format!("<body>m{n}.</body>"));
    for kept in 0..refused {
        assert_eq!(heard.matches(&format!("<body>m{kept}.</body>")).count(), 1, "m{kept}");
    }
    assert!(!heard.contains(&format!("<body>m{refused}.</body>")), "what was refused is not there");
}

/// Takes all the room there is.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut filler = std::fs::File::create(path).unwrap();
    let mut piece = vec![1_u8; 1 << 20];
    while !piece.is_empty() {
        if filler.write_all(&piece).is_err() {
            let half = piece.len() / 2;
            piece.truncate(half);
        }
    }
}
