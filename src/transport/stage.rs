//! Stages of connections, served, drained or cut: the end of a process, as its connections see it.

use tokio::sync::watch;

/// Stage of the process. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connections are accepted.
    Serving,
    /// No more are; calls under way are answered, and their connections then closed.
    Draining,
    /// Every connection is closed, also with calls under way.
    Cut,
}

impl Stage {
    /// Waits until the process has come so far.
    pub(super) async fn reached(self, stage: &mut watch::Receiver<Self>) {
        // A sender that is gone has no more to say: stop as well.
        drop(stage.wait_for(|stage| *stage >= self).await);
    }
}
