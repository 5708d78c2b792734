//! `[check]`: the decisions on requests that proxies have received.

use super::{choice, fields::Fields};
use crate::{bearer::IdentityHeaders, domain::invalid::Invalid};

/// What Envoy is answered where it cannot be decided whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvoyUndecided {
    /// A refusal with 503.
    Deny,
    /// That the call failed: Envoy then does what it is configured to.
    Fail,
}

/// `[check]`: how proxies are answered whether a request may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// The headers by which services learn whose request it is: `x-jeton-subject` and so on.
    pub headers: IdentityHeaders,
    /// Whether Envoy takes the token out of the request before the service sees it. Default false.
    pub envoy_remove_authorization: bool,
    /// What Envoy is answered where it cannot be decided. Default `Deny`.
    pub envoy_undecided: EnvoyUndecided,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            headers: IdentityHeaders::default(),
            envoy_remove_authorization: false,
            envoy_undecided: EnvoyUndecided::Deny,
        }
    }
}

impl CheckSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let default = Self::default();
        let headers = fields.text("header_prefix", "a string", headers);
        let removed = fields.flag("envoy_remove_authorization");
        let undecided = fields.text("envoy_undecided", "a string", choice::envoy_undecided);
        Self {
            headers: headers.map_or(default.headers, |headers| headers.value),
            envoy_remove_authorization: removed.unwrap_or(default.envoy_remove_authorization),
            envoy_undecided: undecided.map_or(default.envoy_undecided, |word| word.value),
        }
    }
}

fn headers(prefix: &str) -> Result<IdentityHeaders, Invalid> {
    let fault = Invalid("must be the beginning of a header's name, at most 64 characters");
    IdentityHeaders::with_prefix(prefix).ok_or(fault)
}
