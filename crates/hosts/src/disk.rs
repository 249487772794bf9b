//! The shared disk: one image with ext4, and a loop device for each host, so that each has block caches of its own, as with a real disk that two machines
//! reach. Two mounts at a time would damage it, as they would there.

use crate::shell::run;
use anyhow::Result;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Size of the image.
const IMAGE_BYTES: u64 = 64 * 1024 * 1024;

/// The disk.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    devices: Vec<String>,
}

impl Disk {
    /// Makes the image and a device for each of `hosts`.
    pub fn make(folder: &Path, hosts: usize) -> Result<Self> {
        let image = folder.join("disk.img");
        File::create(&image)?.set_len(IMAGE_BYTES)?;
        let path = image.to_string_lossy().into_owned();
        run(&["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", &path])?;
        let mut disk = Self { image, devices: Vec::new() };
        for _ in 0..hosts {
            let device = run(&["losetup", "--find", "--show", &path])?;
            disk.devices.push(device.trim().to_owned());
        }
        Ok(disk)
    }

    /// The device of a host.
    pub fn device(&self, host: usize) -> &str {
        &self.devices[host]
    }

    /// The image.
    pub fn image(&self) -> &Path {
        &self.image
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for device in &self.devices {
            // Busy ones are detached when the last user is gone.
            let _ = run(&["losetup", "--detach", device]);
        }
    }
}

/// Detaches the devices of an earlier rig, whose folder this was.
pub fn detach_leftovers(folder: &Path) {
    let listed = run(&["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"])
        .unwrap_or_default();
    for line in listed.lines() {
        let Some((device, file)) = line.trim().split_once(' ') else { continue };
        if Path::new(file.trim()).starts_with(folder) {
            let _ = run(&["losetup", "--detach", device]);
        }
    }
}
