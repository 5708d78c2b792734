//! Writes lines on a thread of their own: a reader that takes none, or a full disk, costs lines and
//! never a call.

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::metrics::{Counter, Registry};

/// Lines that may wait to be written: some megabytes. Beyond them lines are lost, and counted.
const MOST_WAITING: usize = 16_384;

/// Longest wait of the process's end for lines to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Queue of lines, and the thread that writes them.
pub(super) struct Background {
    /// Takes lines and never waits. Cloning shares it.
    pub(super) writer: NonBlocking,
    pub(super) thread: WriterThread,
}

impl Background {
    /// Starts the thread `name`, which writes to `output`. Lost lines are counted in the metric
    /// `lost`, and reported in the log.
    pub(super) fn start(
        name: &'static str,
        output: impl Write + Send + 'static,
        registry: &Registry,
        lost: Counter,
    ) -> Self {
        let overflow = Arc::new(OnceLock::new());
        let output = Output {
            name,
            to: output,
            overflow: Arc::clone(&overflow),
            lost: lost.clone(),
            failed: 0,
            told: 0,
        };
        let builder = NonBlockingBuilder::default().lossy(true).thread_name(name);
        let (writer, guard) = builder.buffered_lines_limit(MOST_WAITING).finish(output);
        let counted = overflow.get_or_init(|| writer.error_counter()).clone();
        registry.before_reading(count(counted, lost));
        Self { writer, thread: WriterThread(Some(guard)) }
    }
}

/// Brings the metric up to the lines that found the queue full.
fn count(overflow: ErrorCounter, lost: Counter) -> impl Fn() + Send + Sync {
    let counted = AtomicU64::new(0);
    move || {
        let now = u64::try_from(overflow.dropped_lines()).unwrap_or(u64::MAX);
        lost.inc_by(now.saturating_sub(counted.fetch_max(now, Ordering::Relaxed)));
    }
}

/// The thread at work. Dropping it waits until every line is written, for two seconds at most.
#[must_use = "dropped, it ends the thread"]
pub(super) struct WriterThread(Option<WorkerGuard>);

impl Drop for WriterThread {
    fn drop(&mut self) {
        let guard = self.0.take();
        let (done, ended) = mpsc::channel::<Infallible>();
        // The guard itself waits for little more than a second, but then says on standard output that it
        // was in vain, and nobody may read that either.
        let waiting = thread::Builder::new().name("last-lines".into()).spawn(move || {
            drop(guard);
            drop(done);
        });
        if waiting.is_ok() {
            // An error is what is awaited: the other side is dropped.
            let _ended = ended.recv_timeout(PATIENCE);
        }
    }
}

/// Target of the lines, with the counts of lost ones.
struct Output<W> {
    name: &'static str,
    to: W,
    /// Counts the lines that found the queue full.
    overflow: Arc<OnceLock<ErrorCounter>>,
    /// The metric, which has those that failed at once.
    lost: Counter,
    /// Lines that failed in a row.
    failed: u64,
    /// Lines that found the queue full and were reported.
    told: usize,
}

impl<W: Write> Output<W> {
    /// Reports errors in the log when they begin and when they end: the queue behind would swallow
    /// them, and a line each would fill the log.
    fn written(&mut self, outcome: io::Result<()>) {
        let name = self.name;
        match outcome {
            Err(error) => {
                if self.failed == 0 {
                    tracing::error!(%error, "{name} lines cannot be written and are lost");
                }
                self.failed += 1;
                self.lost.inc();
            }
            Ok(()) if self.failed > 0 => {
                tracing::error!(lost = self.failed, "{name} lines are written again");
                self.failed = 0;
            }
            Ok(()) => {}
        }
        let lost = self.overflow.get().map_or(0, ErrorCounter::dropped_lines);
        if lost > self.told {
            tracing::error!(lost = lost - self.told, "{name} lines were lost: too many at once");
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

#[cfg(test)]
mod tests {
    use std::{io::pipe, slice};

    use super::*;

    fn counter() -> (Registry, Counter) {
        let registry = Registry::new();
        let lost = registry.counter("jeton_lost_total", "Lines.");
        (registry, lost)
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_no_error() {
        let (_, lost) = counter();
        let (overflow, failed, told) = (Arc::default(), 0, 0);
        let mut output =
            Output { name: "audit", to: Full, overflow, lost: lost.clone(), failed, told };
        output.write_all(b"one\n").expect("no error");
        output.write_all(b"two\n").expect("no error");
        assert_eq!((output.failed, lost.get()), (2, 2));
    }

    #[test]
    fn a_reader_that_takes_nothing_costs_lines_which_are_counted_and_no_time() {
        let (nobody, full) = pipe().expect("a pipe");
        let (registry, lost) = counter();
        let Background { mut writer, thread } =
            Background::start("log", full, &registry, lost.clone());
        let line = [b'.'; 1024];
        // The pipe holds less than the queue, which holds less than these.
        for _ in 0..2 * MOST_WAITING {
            writer.write_all(&line).expect("it never fails");
        }
        let text = || crate::metrics::text(slice::from_ref(&registry));
        text();
        let most = u64::try_from(2 * MOST_WAITING).expect("a number");
        assert!((1..most).contains(&lost.get()), "{}", lost.get());
        let before = lost.get();
        text();
        assert_eq!(lost.get(), before, "each is counted once");
        // It comes back although nobody ever reads.
        drop(thread);
        drop(nobody);
    }
}
