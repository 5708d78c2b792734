//! Progress of reading a file on the terminal, with the time that is left.

use std::{
    convert::Infallible,
    fs::{File, Metadata},
    io::Seek as _,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Interval between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Follows, from a thread of its own, how far a file was read, until it is dropped. Nothing is shown where
/// standard error is no terminal.
pub(super) struct FileProgress {
    until: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl FileProgress {
    /// Follows the file from its place now. Of a pipe nobody knows how much is left, and the line says so.
    pub(super) fn of(file: &File) -> Self {
        let size = file.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len());
        // A copy of the descriptor shares its place in the file.
        let copy = file.try_clone().ok();
        let (until, ended) = mpsc::channel::<Infallible>();
        let following = move || {
            let Some(mut copy) = copy else { return };
            let bar = bar(size);
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                match copy.stream_position().ok().filter(|_| size.is_some()) {
                    Some(place) => bar.set_position(place),
                    None => bar.tick(),
                }
            }
            bar.finish_and_clear();
        };
        let thread = thread::Builder::new().name("progress".into()).spawn(following).ok();
        Self { until: Some(until), thread }
    }
}

impl Drop for FileProgress {
    fn drop(&mut self) {
        drop(self.until.take());
        if let Some(thread) = self.thread.take() {
            // It draws and returns.
            drop(thread.join());
        }
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    let template = match size {
        Some(_) => "{wide_bar} {bytes}/{total_bytes}, {elapsed}, {eta} left",
        None => "{spinner} reading a pipe, {elapsed}; how much is left is not known",
    };
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
