//! Space on the disk for the store.

use std::path::Path;

use bytesize::ByteSize;
use rustix::fs::statvfs;

use super::super::start::Findings;
use crate::config::StoreSettings;

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
