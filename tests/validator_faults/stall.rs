//! A runtime that can be stopped for a while, as one is whose tasks compute instead of waiting.

use std::{sync::mpsc, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// One thread and what runs on it. Ends when dropped.
pub(crate) struct Stallable {
    pub(crate) handle: Handle,
    _running: oneshot::Sender<()>,
}

/// Stalls until it is dropped.
pub(crate) struct Stall {
    _held: mpsc::Sender<()>,
}

impl Stallable {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        thread::spawn(move || runtime.block_on(ended));
        Self { handle, _running: running }
    }

    pub(crate) fn stall(&self) -> Stall {
        let (held, waiting) = mpsc::channel::<()>();
        // Blocks the only thread there is.
        self.handle.spawn(async move { waiting.recv().is_err() });
        Stall { _held: held }
    }
}
