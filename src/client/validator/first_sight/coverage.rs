//! The tokens whose revocations the watch delivers, and the server's clock by its responses.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prost_types::Timestamp;

use crate::{
    client::validator::clock::Moment,
    proto::v1::{IntrospectResponse, WatchCoverage, WatchReach},
};

/// Extent of the watch.
#[derive(Default)]
pub(super) struct Coverage(Mutex<State>);

#[derive(Default)]
struct State {
    client_id: String,
    reach: WatchReach,
    /// The server's time at a moment of this process.
    time: Option<(Moment, Duration)>,
}

impl Coverage {
    /// Notes a response. If it begins a watch, or the client's reach has changed, `begin` is called with the
    /// time since which every event is known, in seconds since 1970, before the reach counts.
    pub(super) fn note(&self, coverage: &WatchCoverage, now: Moment, begin: impl FnOnce(u32)) {
        let time = coverage.time.as_ref().map(since_1970);
        let complete = coverage.complete_since.as_ref().map(since_1970);
        let mut state = self.state();
        let same = state.client_id == coverage.client_id && state.reach == coverage.reach();
        // Events of tokens that it has not reached before are unknown until now.
        let complete = if same { complete } else { complete.or(time) };
        if let Some(complete) = complete {
            begin(seconds(complete.as_secs()));
        }
        state.client_id.clone_from(&coverage.client_id);
        state.reach = coverage.reach();
        state.time = time.map(|time| (now, time));
    }

    /// Returns the server's time, since 1970. It is behind by the age of the last response, which a proof of
    /// memory bounds.
    pub(super) fn time(&self, now: Moment) -> Option<Duration> {
        let (then, time) = self.state().time?;
        Some(time + now.since(then))
    }

    /// Returns `true` if the client may introspect a token with these facts. `None` if that is unknown.
    pub(super) fn includes(&self, facts: &IntrospectResponse) -> Option<bool> {
        let state = self.state();
        let own = facts.client_id == state.client_id;
        match state.reach {
            WatchReach::Unspecified => None,
            WatchReach::Own => Some(own),
            WatchReach::Audience => Some(own || facts.audience.contains(&state.client_id)),
            WatchReach::Any => Some(true),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since_1970(time: &Timestamp) -> Duration {
    let (seconds, nanos) = (time.seconds.try_into(), time.nanos.try_into());
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Counts whole seconds, which last until 2106.
pub(super) fn seconds(seconds: u64) -> u32 {
    seconds.try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(reach: WatchReach, complete_since: Option<i64>) -> WatchCoverage {
        let time = |seconds| Timestamp { seconds, nanos: 0 };
        WatchCoverage {
            complete_since: complete_since.map(time),
            time: Some(time(1_000)),
            client_id: "billing".into(),
            reach: reach.into(),
        }
    }

    fn token(client_id: &str, audience: &str) -> IntrospectResponse {
        IntrospectResponse {
            client_id: client_id.into(),
            audience: vec![audience.into()],
            ..IntrospectResponse::default()
        }
    }

    #[test]
    fn events_are_known_since_the_watch_began_or_the_reach_last_changed() {
        let coverage = Coverage::default();
        for (reach, complete_since, expected) in [
            (WatchReach::Own, Some(400), Some(400)),
            (WatchReach::Own, None, None),
            (WatchReach::Any, None, Some(1_000)),
            (WatchReach::Any, None, None),
        ] {
            let mut begun = None;
            let response = response(reach, complete_since);
            coverage.note(&response, Moment(0), |time| begun = Some(time));
            assert_eq!(begun, expected);
        }
        let later = Moment(0).after(Duration::from_secs(7));
        assert_eq!(coverage.time(later), Some(Duration::from_secs(1_007)));
    }

    #[test]
    fn a_token_is_seen_as_far_as_the_client_reaches() {
        let coverage = Coverage::default();
        assert_eq!(coverage.includes(&token("billing", "billing")), None);
        for (reach, own, for_it, other) in [
            (WatchReach::Own, true, false, false),
            (WatchReach::Audience, true, true, false),
            (WatchReach::Any, true, true, true),
        ] {
            coverage.note(&response(reach, None), Moment(0), |_| ());
            assert_eq!(coverage.includes(&token("billing", "orders")), Some(own));
            assert_eq!(coverage.includes(&token("shop", "billing")), Some(for_it));
            assert_eq!(coverage.includes(&token("shop", "orders")), Some(other));
        }
    }
}
