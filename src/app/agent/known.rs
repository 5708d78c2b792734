//! Knowledge of an agent, as its wires ask for it.

use std::sync::Arc;

use super::{
    own_tokens::{Issuing, OwnTokens},
    state::State,
};
use crate::{
    bearer::{
        Bearer, Claims, Doorkeeper, Gate, Introspector, NotGood, NotPassed, PeerCertificate,
        Requirement,
    },
    client::{IssuedToken, Validator},
    domain::{audience::Audience, scopes::Scopes},
    grpc::{self, AgentState, Described, NotIssued},
    metrics::{Counter, Registry},
};

/// The validator, the decisions by it, and tokens of the agent's own client if it issues them.
pub(super) struct Known {
    validator: Validator,
    gate: Gate,
    own: Option<OwnTokens>,
    pub(super) state: State,
}

impl Known {
    /// Counts in `registry`.
    pub(super) fn new(
        validator: Validator,
        state: State,
        issuing: Option<Issuing>,
        registry: &Registry,
    ) -> Arc<Self> {
        let staleness = registry.gauge(
            "jeton_agent_staleness_milliseconds",
            "How long ago what is remembered was proven to be up to date; -1 before the first proof.",
        );
        let tokens = registry.counters(
            "jeton_agent_tokens_total",
            "Tokens that were asked about, by how they were answered.",
            &["answer"],
        );
        let watch = registry.counters(
            "jeton_agent_watches_total",
            "Watches of the server's feed that were broken, by how it was followed again.",
            &["outcome"],
        );
        let revocations =
            registry.counter("jeton_agent_revocations_total", "Revocations that were heard of.");
        let watched = validator.clone();
        registry.before_reading(move || {
            let milliseconds = watched.staleness().map(|staleness| staleness.as_millis());
            staleness.set(milliseconds.and_then(|millis| millis.try_into().ok()).unwrap_or(-1));
            let counts = watched.counts();
            for (answer, count) in [
                ("remembered", counts.hits),
                ("remembered_refusal", counts.remembered_refusals),
                ("asked", counts.asked),
                ("verified", counts.verified),
                ("forged", counts.forged),
                ("malformed", counts.malformed),
                ("unanswered", counts.unanswered),
            ] {
                advance(&tokens.with_label_values(&[answer]), count);
            }
            for (outcome, count) in [("resumed", counts.resumed), ("begun_anew", counts.begun_anew)]
            {
                advance(&watch.with_label_values(&[outcome]), count);
            }
            advance(&revocations, counts.revocations);
        });
        let gate = Gate::new(registry);
        let own = issuing.map(|issuing| OwnTokens::new(issuing, validator.clone()));
        Arc::new(Self { validator, gate, own, state })
    }
}

/// Brings a counter to where another one is.
fn advance(counter: &Counter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

impl Introspector for Known {
    async fn claims(&self, token: &str) -> Result<Arc<Claims>, NotGood> {
        self.validator.claims(token).await
    }
}

impl grpc::OwnTokens for Known {
    type Issued = Arc<IssuedToken>;

    async fn own_token(
        &self,
        audience: Audience,
        scopes: Scopes,
    ) -> Result<Arc<IssuedToken>, NotIssued> {
        let own = self.own.as_ref().ok_or(NotIssued::Off)?;
        own.get(&audience, &scopes).await
    }
}

impl Described for Known {
    fn describe(&self) -> AgentState {
        self.state.describe(&self.validator)
    }
}

impl Doorkeeper for Known {
    async fn decide<'v, K, V>(
        &self,
        route: impl IntoIterator<Item = (K, V)> + Send,
        authorizations: impl Iterator<Item = &'v [u8]> + Send,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed>
    where
        K: AsRef<str> + Send,
        V: AsRef<str> + Send,
    {
        let requirement = Requirement::of_route(route);
        let client_id = &self.state.client_id;
        self.gate.decide(client_id, &self.validator, requirement, authorizations, peer).await
    }
}
