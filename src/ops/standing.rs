//! State of the process: ready, or the reason why not, and its warnings.

use super::{NotReady, Readiness, liveness::Liveness};

/// Callers are served, so they are sent here all the same.
const NEXT_START: &str =
    "warning: the key ring on disk is not what a start needs: see jeton status and the log";
pub(super) const STUCK: &str = "the runtime is stuck";

/// State of the process in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) ready: bool,
    /// `ready`, or the reason.
    pub(super) text: &'static str,
    pub(super) warning: Option<&'static str>,
}

impl Standing {
    /// Returns how the process stands now.
    pub(super) fn now(liveness: &Liveness, readiness: &Readiness) -> Self {
        let refused = |text| Self { ready: false, text, warning: None };
        match readiness.now().map_err(NotReady::text) {
            Err(reason) => refused(reason),
            Ok(()) if liveness.is_stuck() => refused(STUCK),
            Ok(()) => {
                let warning = (!readiness.is_next_start_fit()).then_some(NEXT_START);
                Self { ready: true, text: "ready", warning }
            }
        }
    }
}
