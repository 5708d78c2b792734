//! Resources of this machine for the process: space on the disk, file descriptors.

use std::path::Path;

use bytesize::ByteSize;
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};

use super::finding::Findings;
use crate::config::StoreSettings;

/// Descriptors that a few hundred connections, the store and the listeners take.
const FEW_DESCRIPTORS: u64 = 4096;

/// The file system of the data directory.
pub(super) fn disk(store: &StoreSettings, findings: &mut Findings) {
    const REMEDY: &str = "make space, or move store.path";
    let there = store.path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let found = match statvfs(there) {
        Ok(found) => found,
        Err(error) => {
            findings.error("space", format!("{}: {error}", there.display()), "look at the disk");
            return;
        }
    };
    let free = ByteSize(found.f_bavail.saturating_mul(found.f_frsize));
    let (min_free, shown) = (store.min_free_space, format!("{} are free", free.display()));
    if free < min_free {
        let found = format!("{shown}, less than store.min_free_space: nothing would be issued");
        findings.error("space", found, REMEDY);
    } else if free.as_u64() / 2 < min_free.as_u64() {
        findings.warn("space", format!("{shown}, less than twice store.min_free_space"), REMEDY);
    } else if min_free.as_u64() == 0 {
        let found = format!("{shown}, and nothing keeps the store from filling the disk");
        findings.warn("space", found, "set store.min_free_space");
    } else {
        findings.good("space", shown);
    }
    // A file system without inodes to count says that it has none at all.
    if found.f_files > 0 && found.f_favail == 0 {
        findings.error("space", "the file system has no inodes left", REMEDY);
    }
}

/// Checks the number of files and connections that this process may have; the server's limit may be
/// another.
pub(super) fn descriptors(findings: &mut Findings) {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FEW_DESCRIPTORS => {
            let found = format!("{limit} at most, and each connection takes one");
            findings.warn("descriptors", found, "raise it: ulimit -n, LimitNOFILE=");
        }
        Some(limit) => findings.good("descriptors", format!("{limit} at most")),
        None => findings.good("descriptors", "without limit"),
    }
}
