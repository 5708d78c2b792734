//! A file for damaged records that a repair removes: one line of JSON for each record.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::store::new_file::NOFOLLOW;

/// Name of the file in the data directory.
pub(super) const QUARANTINE: &str = "quarantine.jsonl";

/// The file, created at its first use.
pub(super) struct Quarantine {
    directory: PathBuf,
}

impl Quarantine {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Appends records of `tree`, durably.
    pub(super) fn keep<'a>(
        &self,
        tree: &str,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> io::Result<()> {
        let mut lines = String::new();
        for (key, value) in records {
            let (key, value) = (hex(key), hex(value));
            // Tree names and hexadecimal digits need no escapes.
            writeln!(lines, r#"{{"tree":"{tree}","key":"{key}","value":"{value}"}}"#)
                .expect("memory takes everything");
        }
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.directory.join(QUARANTINE);
        let options = &mut OpenOptions::new();
        let options = options.create(true).append(true).mode(0o600).custom_flags(NOFOLLOW);
        let mut file = options.open(path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        File::open(&self.directory)?.sync_all()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory takes everything");
        text
    })
}
