//! `[serve]`: serving and stopping.

use std::time::Duration;

use super::{
    choice::{self, Runtime, Undeclared},
    duration,
    fields::Fields,
    overrides::Overrides,
};

/// `[serve]`: settings for all listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeSettings {
    /// `true` if listeners that other machines reach can work without TLS, since a mesh or proxy
    /// encrypts. Default false.
    pub allow_plaintext: bool,
    /// Division of connections among threads. Default `PerCore`.
    pub runtime: Runtime,
    /// Treatment of clients and users that were removed from the file. Default `Disable`.
    pub undeclared: Undeclared,
    /// Time to go on serving after health reports `NOT_SERVING`, so that load balancers notice it
    /// first: at most 1h, default none.
    pub drain_delay: Duration,
    /// Maximum time for calls under way to finish after that: at most 1h, default 10s.
    pub drain_timeout: Duration,
    /// `true` for `serve --dev`, whose own clients cause no warnings. No setting changes it.
    pub first_look: bool,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            allow_plaintext: false,
            runtime: Runtime::PerCore,
            undeclared: Undeclared::Disable,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            first_look: false,
        }
    }
}

impl ServeSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let default = Self::default();
        let allow_plaintext = fields.flag("allow_plaintext");
        let runtime = fields.text("runtime", "a string", choice::runtime);
        let undeclared = fields.text("undeclared", "a string", choice::undeclared);
        let drain_delay = fields.text("drain_delay", duration::FORM, duration::shutdown);
        let drain_timeout = fields.text("drain_timeout", duration::FORM, duration::shutdown);
        Self {
            allow_plaintext: overrides
                .allow_plaintext
                .or(allow_plaintext)
                .unwrap_or(default.allow_plaintext),
            runtime: overrides
                .runtime
                .or_else(|| runtime.map(|runtime| runtime.value))
                .unwrap_or(default.runtime),
            undeclared: undeclared.map_or(default.undeclared, |undeclared| undeclared.value),
            drain_delay: overrides
                .drain_delay
                .or_else(|| drain_delay.map(|delay| delay.value))
                .unwrap_or(default.drain_delay),
            drain_timeout: overrides
                .drain_timeout
                .or_else(|| drain_timeout.map(|timeout| timeout.value))
                .unwrap_or(default.drain_timeout),
            first_look: default.first_look,
        }
    }
}
