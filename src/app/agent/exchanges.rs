//! Tokens for calls to other services, exchanged for those of users that the service beside the agent was shown.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::not_given::NotGiven;
use crate::{
    bearer::NotGood,
    client::{Error as ClientError, ExchangedTokens, Issue, IssuedToken, NotExchanged, Validator},
    domain::{audience::Audience, error::Error, exchange::BAD_SUBJECT_TOKEN, scopes::Scopes},
    metrics::{Counters, Registry},
};

/// The exchanges of an agent.
pub(super) struct Exchanges {
    tokens: Arc<ExchangedTokens>,
    /// Services that tokens are exchanged for.
    services: Audience,
}

impl Exchanges {
    /// Exchanges for `services` by `issue`. Counts in `registry`.
    pub(super) fn new(
        services: Audience,
        validator: Validator,
        issue: Issue,
        registry: &Registry,
    ) -> Self {
        let counters = registry.counters(
            "jeton_agent_exchanges_total",
            "Exchanges of users' tokens at the server, by outcome.",
            &["outcome"],
        );
        let kept = registry.gauge(
            "jeton_agent_exchanged_tokens",
            "Exchanged tokens that are kept, also of logins that have ended since.",
        );
        let tokens = Arc::new(ExchangedTokens::new(validator, counted(issue, counters)));
        let counted = Arc::clone(&tokens);
        registry
            .before_reading(move || kept.set(counted.kept_tokens().try_into().unwrap_or_default()));
        Self { tokens, services }
    }

    /// Returns a token for `audience`, or for all services, on behalf of the user of `shown`.
    ///
    /// # Errors
    /// `Refused` for a token that is not good, a service that is none of these, and where nothing is known;
    /// `Server`.
    pub(super) async fn get(
        &self,
        shown: &str,
        audience: &Audience,
        scopes: &Scopes,
    ) -> Result<Arc<IssuedToken>, NotGiven> {
        let asked = if audience.is_empty() { &self.services } else { audience };
        if !asked.is_within(&self.services) {
            return Err(NotGiven::Refused(Error::InvalidTarget));
        }
        let names = asked.names().map(str::to_owned).collect();
        let scopes = scopes.values().map(str::to_owned).collect();
        self.tokens.get(shown, names, scopes).await.map_err(|not_exchanged| match not_exchanged {
            NotExchanged::NoToken => NotGiven::Refused(BAD_SUBJECT_TOKEN),
            NotExchanged::Refused(refusal) => NotGiven::Refused(match NotGood::from(&refusal) {
                NotGood::Inactive => BAD_SUBJECT_TOKEN,
                NotGood::Unknown { retry_after } => Error::Unavailable { retry_after },
            }),
            NotExchanged::Failed(error) => NotGiven::Server(error),
        })
    }
}

/// Counts the exchanges at the server.
fn counted(issue: Issue, counters: Counters) -> Issue {
    Box::new(move |request| {
        let (issued, counters) = (issue(request), counters.clone());
        issued
            .inspect(move |issued| {
                let outcome = match issued {
                    Ok(_) => "exchanged",
                    Err(error) if error.is_temporary() => "unavailable",
                    Err(ClientError::Server { .. }) => "unavailable",
                    Err(_) => "refused",
                };
                counters.with_label_values(&[outcome]).inc();
            })
            .boxed()
    })
}
