//! `[serve]`: serving and stopping.

use std::time::Duration;

use crate::config::{
    duration::{HOUR, SECOND},
    section::section,
    value::{at_most, choice, switch},
};

/// The division of connections among threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// A runtime of one thread for each core; a connection stays on one of them.
    PerCore,
    /// One runtime whose threads share all work.
    Shared,
}

/// Treatment of clients and users that were removed from the settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeclared {
    /// The next start disables them and ends their grants.
    Disable,
    /// They stay unchanged; each start logs them.
    Keep,
}

section! {
    /// Settings for all listeners, and for the start and stop of the process.
    pub struct ServeSettings in "serve" {
        /// Listen without TLS where other machines reach it: a mesh or proxy encrypts.
        allow_plaintext: bool = switch().or(false).flag("allow-plaintext", "BOOL"),
        /// Division of connections among threads: per-core or shared.
        ///
        /// "per-core": each core has a thread, and a connection stays on one of them, which takes less CPU
        /// time a call. "shared": threads take each other's work.
        runtime: Runtime = choice(&[("per-core", Runtime::PerCore), ("shared", Runtime::Shared)])
            .or(Runtime::PerCore)
            .flag("runtime", "SHAPE"),
        /// Treatment of a client or user that this file declared and declares no more.
        ///
        /// "disable": the next start disables it, which ends its grants; declaring it again enables it again.
        /// "keep": it stays unchanged, and each start logs it.
        undeclared: Undeclared = choice(&[("disable", Undeclared::Disable), ("keep", Undeclared::Keep)])
            .or(Undeclared::Disable),
        /// Time to go on serving after health reports that it is not serving.
        ///
        /// Load balancers notice it first.
        drain_delay: Duration = at_most(HOUR).or(Duration::ZERO).flag("drain-delay", "DURATION"),
        /// Time for calls under way to finish after the drain delay.
        drain_timeout: Duration = at_most(HOUR).or(10 * SECOND).flag("drain-timeout", "DURATION"),
    }
}
