//! Decides for interfaces that guard other services, on routes that their operators have
//! configured.

use std::{future::Future, num::NonZeroU32, time::Duration};

use super::{Bearer, Denial, Introspector, PeerCertificate, Route, check};
use crate::metrics::{Counter, Rate, Registry};

/// The reason for a rejected request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPassed {
    /// The request has no valid token, or cannot be decided at present.
    Denied {
        /// Reason of the rejection.
        denial: Denial,
        /// The value of `WWW-Authenticate`.
        challenge: Option<String>,
    },
    /// The route rejects every request: the log names its fault.
    Misconfigured,
}

impl NotPassed {
    /// Returns the rejection of a request that cannot be decided at present, with any token.
    pub const fn undecided(retry_after: Duration) -> Self {
        Self::Denied { denial: Denial::Undecided { retry_after }, challenge: None }
    }
}

/// Decides on requests: the server for a caller, or an agent.
pub trait Doorkeeper: Send + Sync + 'static {
    /// Decides on a request with these values of `Authorization`, from a visitor who has shown `peer` to the
    /// proxy, on this route.
    ///
    /// # Errors
    /// Returns the reason for a rejection.
    fn decide<'v>(
        &self,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]> + Send,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> impl Future<Output = Result<Bearer, NotPassed>> + Send;
}

/// Maximum number of log lines a second about misconfigured routes.
const LINES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// Counts the decisions, and limits the log lines about routes.
pub struct Gate {
    passed: Counter,
    nobody: Counter,
    no_token: Counter,
    malformed: Counter,
    not_good_here: Counter,
    lacks_scope: Counter,
    undecided: Counter,
    misconfigured: Counter,
    lines: Rate,
}

impl Gate {
    /// Creates a gate without decisions.
    pub fn new(registry: &Registry) -> Self {
        let counters = registry.counters(
            "jeton_checks_total",
            "Decisions on requests that proxies have received, by outcome.",
            &["outcome"],
        );
        let of = |outcome| counters.with_label_values(&[outcome]);
        Self {
            passed: of("passed"),
            nobody: of("nobody"),
            no_token: of("no_token"),
            malformed: of("malformed"),
            not_good_here: of("not_good_here"),
            lacks_scope: of("lacks_scope"),
            undecided: of("undecided"),
            misconfigured: of("misconfigured"),
            lines: Rate::new(LINES, LINES),
        }
    }

    /// Decides for the calling `client_id`, on this route.
    ///
    /// # Errors
    /// Returns the reason for a rejection.
    pub async fn decide<'v>(
        &self,
        client_id: &str,
        introspector: &impl Introspector,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]>,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed> {
        let requirement =
            route.as_ref().map_err(|fault| self.misconfigured(client_id, &fault.to_string()))?;
        let decided = check(introspector, requirement, authorizations, peer).await;
        self.counter(decided.as_ref()).inc();
        decided.map_err(|denial| NotPassed::Denied {
            denial,
            challenge: requirement.challenge(denial),
        })
    }

    /// Counts and logs a misconfigured route, and returns the rejection of its requests.
    pub fn misconfigured(&self, client_id: &str, reason: &str) -> NotPassed {
        self.misconfigured.inc();
        if self.lines.allows() {
            tracing::warn!(client_id, reason, "a route of a proxy lets nobody pass");
        }
        NotPassed::Misconfigured
    }

    /// Counts a request that cannot be decided at present, and returns its rejection.
    pub fn undecided(&self, retry_after: Duration) -> NotPassed {
        self.undecided.inc();
        NotPassed::undecided(retry_after)
    }

    fn counter(&self, decided: Result<&Bearer, &Denial>) -> &Counter {
        match decided {
            Ok(Bearer::Of(_)) => &self.passed,
            Ok(Bearer::Nobody) => &self.nobody,
            Err(Denial::NoToken) => &self.no_token,
            Err(Denial::Malformed) => &self.malformed,
            Err(Denial::NotGoodHere) => &self.not_good_here,
            Err(Denial::LacksScope) => &self.lacks_scope,
            Err(Denial::Undecided { .. }) => &self.undecided,
        }
    }
}
