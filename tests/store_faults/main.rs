//! The service over a store that fails: what is answered then is true, and what is retried then is safe.
//!
//! `JETON_SOAK_STEPS` says how many steps the soak takes (5,000), `JETON_SOAK_SEED` replays it: the
//! seed is printed at the start and with every failure.

mod answers;
#[expect(dead_code, reason = "nobody sets the clock here")]
#[path = "../service_model/clock.rs"]
mod clock;
#[expect(dead_code, reason = "no chance in a hundred is taken here")]
#[path = "../service_model/dice.rs"]
mod dice;
mod look_ups;
#[path = "../service_model/parties.rs"]
mod parties;
mod retries;
mod soak;
mod sweeper;
mod watch;
mod world;

/// Rules of the clients of the service model.
mod rules {
    use std::time::Duration;

    pub(crate) const ACCESS: Duration = Duration::from_secs(900);
    pub(crate) const REFRESH: Duration = Duration::from_secs(7_200);
    pub(crate) const GRANT: Duration = Duration::from_secs(40_000);
}
