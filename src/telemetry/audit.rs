//! Writes audit lines on a thread of their own: a slow or full disk costs lines, never a request.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that may wait to be written: some megabytes. Beyond them lines are lost, and counted in the
/// log.
const MOST_WAITING: usize = 16_384;

/// Starts the thread that writes to `output`.
pub(super) fn in_background(output: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let lost = Arc::new(OnceLock::new());
    let output = Output { to: output, lost: Arc::clone(&lost), failed: 0, told: 0 };
    let builder = NonBlockingBuilder::default().lossy(true).thread_name("audit");
    let (writer, guard) = builder.buffered_lines_limit(MOST_WAITING).finish(output);
    lost.get_or_init(|| writer.error_counter());
    (writer, guard)
}

/// Where the lines go, with those that did not get there.
struct Output<W> {
    to: W,
    /// Counts the lines that found the queue full.
    lost: Arc<OnceLock<ErrorCounter>>,
    /// Lines that failed in a row.
    failed: u64,
    /// Lines that found the queue full and were told of.
    told: usize,
}

impl<W: Write> Output<W> {
    /// Errors are told in the log when they begin and when they end: the queue behind would swallow
    /// them, and a line each would fill the log.
    fn written(&mut self, outcome: io::Result<()>) {
        match outcome {
            Err(error) => {
                if self.failed == 0 {
                    tracing::error!(%error, "audit lines cannot be written and are lost");
                }
                self.failed += 1;
            }
            Ok(()) if self.failed > 0 => {
                tracing::error!(lost = self.failed, "audit lines are written again");
                self.failed = 0;
            }
            Ok(()) => {}
        }
        let lost = self.lost.get().map_or(0, ErrorCounter::dropped_lines);
        if lost > self.told {
            tracing::error!(lost = lost - self.told, "audit lines were lost: too many at once");
            self.told = lost;
        }
    }
}

impl<W: Write> Write for Output<W> {
    /// Takes a whole line, and never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let outcome = self.to.write_all(line);
        self.written(outcome);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A file that is appended to, and made anew when it was moved away.
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// Whether a line was cut off at the file's end.
    torn: bool,
}

impl AppendFile {
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: append(path)?, path: path.to_owned(), torn: false })
    }

    fn is_in_place(&self) -> bool {
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let there = fs::metadata(&self.path).map(place).ok();
        there.is_some() && there == self.file.metadata().map(place).ok()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Write for AppendFile {
    /// Writes a whole line or fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.is_in_place() {
            self.file = append(&self.path)?;
            self.torn = false;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_closed_to_others_appended_to_and_made_anew_when_moved_away() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.jsonl");
        AppendFile::open(&path).expect("a file").write_all(b"one\n").expect("written");
        let mut file = AppendFile::open(&path).expect("the file");
        file.write_all(b"two\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "one\ntwo\n");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let moved = directory.path().join("audit.jsonl.1");
        fs::rename(&path, &moved).expect("moved");
        file.write_all(b"three\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("the new file"), "three\n");
        assert_eq!(fs::read_to_string(&moved).expect("the old file"), "one\ntwo\n");
    }

    /// Every write there fails for want of space.
    #[test]
    fn a_full_disk_costs_lines_and_nothing_else() {
        let full = AppendFile::open(Path::new("/dev/full")).expect("the device");
        let mut output = Output { to: full, lost: Arc::default(), failed: 0, told: 0 };
        output.write_all(b"one\n").expect("no error");
        output.write_all(b"two\n").expect("no error");
        assert_eq!(output.failed, 2);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.jsonl");
        output.to.path.clone_from(&path);
        output.write_all(b"three\n").expect("no error");
        assert_eq!(output.failed, 0);
        assert_eq!(fs::read_to_string(&path).expect("the file"), "three\n");
    }
}
