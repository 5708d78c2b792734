//! A thread that runs a function every second.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

const PERIOD: Duration = Duration::from_secs(1);

/// Runs `work` every second, the first time after a second, until the sender is dropped.
pub(super) fn every_second(name: &str, work: impl Fn() + Send + 'static) -> io::Result<Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    thread::Builder::new().name(name.into()).spawn(move || {
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            work();
        }
    })?;
    Ok(stop)
}
