//! Knowledge of an agent, as its wires ask for it.

use std::sync::Arc;

use super::{
    exchanges::Exchanges,
    not_given::NotGiven,
    own_tokens::{Issuing, OwnTokens},
    state::State,
};
use crate::{
    bearer::{
        Bearer, Claims, Doorkeeper, Gate, Introspector, NotGood, NotPassed, PeerCertificate, Route,
    },
    client::{IssuedToken, Validator},
    domain::{audience::Audience, scopes::Scopes, secret::Secret},
    grpc::{self, AgentState, Described},
    http,
    metrics::{Counter, Registry},
};

/// The validator, the decisions by it, and tokens of the agent's client if it gives any.
pub(super) struct Known {
    validator: Validator,
    gate: Gate,
    own: Option<OwnTokens>,
    exchanges: Option<Exchanges>,
    pub(super) state: State,
}

impl Known {
    /// Gives tokens by `issuing`, if the settings say so. Counts in `registry`.
    pub(super) fn new(
        validator: Validator,
        state: State,
        issuing: Issuing,
        registry: &Registry,
    ) -> Arc<Self> {
        meter(&validator, registry);
        let gate = Gate::new(registry);
        let services = state.settings.exchange_to.clone();
        let exchanges = (!services.is_empty())
            .then(|| Exchanges::new(services, validator.clone(), issuing(), registry));
        let own = state.settings.issue_tokens;
        let own = own.then(|| OwnTokens::new(issuing, validator.clone()));
        Arc::new(Self { validator, gate, own, exchanges, state })
    }

    /// Returns a token of the agent's client, or one that came of an exchange.
    async fn token(
        &self,
        subject_token: Option<&Secret>,
        audience: &Audience,
        scopes: &Scopes,
    ) -> Result<Arc<IssuedToken>, NotGiven> {
        match subject_token {
            None => self.own.as_ref().ok_or(NotGiven::Off)?.get(audience, scopes).await,
            Some(shown) => {
                let exchanges = self.exchanges.as_ref().ok_or(NotGiven::Off)?;
                exchanges.get(shown.expose(), audience, scopes).await
            }
        }
    }
}

/// Counts the validator's answers.
fn meter(validator: &Validator, registry: &Registry) {
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
        for (outcome, count) in [("resumed", counts.resumed), ("begun_anew", counts.begun_anew)] {
            advance(&watch.with_label_values(&[outcome]), count);
        }
        advance(&revocations, counts.revocations);
    });
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

impl grpc::AgentTokens for Known {
    type Issued = Arc<IssuedToken>;

    async fn own_token(
        &self,
        audience: Audience,
        scopes: Scopes,
    ) -> Result<Arc<IssuedToken>, grpc::NotIssued> {
        Ok(self.token(None, &audience, &scopes).await?)
    }

    async fn exchanged_token(
        &self,
        subject_token: &Secret,
        audience: Audience,
        scopes: Scopes,
    ) -> Result<Arc<IssuedToken>, grpc::NotIssued> {
        Ok(self.token(Some(subject_token), &audience, &scopes).await?)
    }
}

impl http::TokenSource for Known {
    async fn issue(&self, asked: http::AskedToken) -> Result<http::GivenToken, http::NotIssued> {
        let http::AskedToken { subject_token, audience, scopes } = asked;
        let issued = self.token(subject_token.as_ref(), &audience, &scopes).await?;
        Ok(http::GivenToken {
            access_token: Secret::new(issued.access_token().to_owned()),
            expires_in: issued.expires_in(),
            scope: issued.scopes().join(" "),
        })
    }
}

impl Described for Known {
    fn describe(&self) -> AgentState {
        self.state.describe(&self.validator)
    }
}

impl Doorkeeper for Known {
    async fn decide<'v>(
        &self,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]> + Send,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed> {
        let client_id = &self.state.client_id;
        self.gate.decide(client_id, &self.validator, route, authorizations, peer).await
    }
}
