//! Tells systemd how far the process is (`sd_notify(3)`); elsewhere nobody is told.

use std::io;

use sd_notify::NotifyState;

/// Everything is served: `Type=notify` units are started.
pub(super) fn ready() {
    tell(sd_notify::notify(&[NotifyState::Ready]));
}

/// The process was asked to stop.
pub(super) fn stopping() {
    tell(sd_notify::notify(&[NotifyState::Stopping]));
}

/// SIGHUP has come. `Type=notify-reload` units want to know when, and then that it is [`ready`] again.
pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    tell(now.and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])));
}

fn tell(told: io::Result<()>) {
    if let Err(error) = told {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
