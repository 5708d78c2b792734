//! The samples: records, disk, memory, and the time to open the store.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::{
    Place,
    clock::Stopwatch,
    world::{World, open},
};

const BLOCK: u64 = 512;

/// Prints samples as CSV.
pub(crate) struct Samples {
    stopwatch: Stopwatch,
}

impl Samples {
    /// Prints the names of the columns. `done` counts the actions of the run.
    pub(crate) fn start() -> Self {
        println!("days,done,seconds,records,disk_bytes,rss_bytes");
        Self { stopwatch: Stopwatch::start() }
    }

    /// Prints one line.
    pub(crate) async fn take(&self, world: &World, place: &Place, done: u64) {
        println!(
            "{:.3},{done},{:.1},{},{},{}",
            world.clock.passed().as_secs_f64() / 86_400.0,
            self.stopwatch.seconds(),
            world.records().await,
            disk_bytes(&place.dir),
            status("VmRSS:"),
        );
    }

    /// Prints a summary on standard error, apart from the samples.
    pub(crate) async fn sum_up(&self, world: &World, place: &Place, done: u64) {
        let (records, disk) = (world.records().await, disk_bytes(&place.dir));
        eprintln!(
            "{done} in {:.0} s, {records} records, {disk} bytes on the disk: {} for each record; \
             {} bytes of memory at most",
            self.stopwatch.seconds(),
            disk / (records as u64).max(1),
            status("VmHWM:"),
        );
    }
}

/// Opens a store and prints the time that this took.
pub(crate) async fn reopen(place: &Place) {
    let stopwatch = Stopwatch::start();
    let store = open(place);
    let seconds = stopwatch.seconds();
    eprintln!(
        "opened in {seconds:.2} s, {} bytes on the disk, {} bytes of memory",
        disk_bytes(&place.dir),
        status("VmRSS:"),
    );
    store.close().await.expect("the store closes in order");
}

/// Returns the bytes that the file system has allocated to everything below `path`.
fn disk_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("a directory");
    let sizes = entries.flatten().filter_map(|entry| {
        // sled removes its own files at any time.
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { disk_bytes(&entry.path()) } else { metadata.blocks() * BLOCK })
    });
    sizes.sum()
}

/// Returns a figure of this process, in bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
