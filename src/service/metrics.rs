//! Metrics of the service, for all wires.

use std::sync::Arc;

use super::{audit::audit_line::Outcome, tokens::minting::TokenRates};
use crate::{
    domain::{cause::Cause, grant::EndCause, grant_type::GrantType, time::Clock},
    metrics::{Call, CallMeter, Calls, Counter, Counters, Gauge, Named, Registry},
};

/// The handles. Names and help texts are the table of docs/monitoring.md.
pub(super) struct ServiceMetrics {
    pub(super) registry: Registry,
    password: Arc<CallMeter>,
    refresh_token: Arc<CallMeter>,
    client_credentials: Arc<CallMeter>,
    jwt_bearer: Arc<CallMeter>,
    token_exchange: Arc<CallMeter>,
    /// Refreshes that were answered again within the retry window.
    pub(super) retries: Counter,
    replays: Counter,
    went_back: Counter,
    /// Refusals by cause.
    refusals: Counters,
    /// Grants ended to make room for a login.
    pub(super) evictions: Counter,
    /// Requests refused because their client had made too many.
    pub(super) over_requests: Counter,
    /// Logins refused because too many had failed before.
    pub(super) over_failures: Counter,
    /// Client secrets not looked at because too many were wrong before.
    pub(super) over_guesses: Counter,
    /// Logins refused because their user has too many grants.
    pub(super) over_grants: Counter,
    /// Grants whose records the sweeper freed.
    pub(super) swept: Counter,
    /// Grants that are due to be freed.
    pub(super) backlog: Gauge,
    /// Times of last use that were written.
    pub(super) last_used: Counter,
}

impl ServiceMetrics {
    pub(super) fn new(minting: TokenRates, clock: Arc<dyn Clock>) -> Self {
        let registry = Registry::new();
        let calls = Calls::new(
            &registry,
            "grant_type",
            Named {
                name: "jeton_grant_requests_total",
                help: "Requests for tokens of authenticated clients, by grant type and outcome.",
            },
            Named {
                name: "jeton_grant_request_seconds",
                help: "How long requests for tokens took after authentication, by grant type.",
            },
        );
        let named = registry.client_gauges(
            "jeton_minting_client_live_tokens",
            "About how many live tokens clients have for themselves: the 20 with the most, above 100.",
        );
        registry.before_reading(move || {
            let clients = minting.clients(clock.age());
            named
                .replace(clients.iter().map(|named| (named.client_id.as_str(), named.live_tokens)));
        });
        let throttled = registry.counters(
            "jeton_throttled_total",
            "Requests refused as RATE_LIMITED, by the limit that they met.",
            &["limit"],
        );
        let refusals = registry.counters(
            "jeton_refusals_total",
            "Requests that the audit has as refused, by cause; by the reason in lower case where that has no causes.",
            &["cause"],
        );
        // It is there before the first refusal.
        refusals.with_label_values(&[Cause::WrongPassword.name()]);
        let throttled_by = |limit| throttled.with_label_values(&[limit]);
        Self {
            refusals,
            over_requests: throttled_by("requests"),
            over_failures: throttled_by("failed_logins"),
            over_guesses: throttled_by("client_secrets"),
            over_grants: throttled_by("grants"),
            password: calls.expected(GrantType::Password.name()),
            refresh_token: calls.expected(GrantType::RefreshToken.name()),
            client_credentials: calls.expected(GrantType::ClientCredentials.name()),
            jwt_bearer: calls.expected(GrantType::JwtBearer.word()),
            token_exchange: calls.expected(GrantType::TokenExchange.word()),
            retries: registry.counter(
                "jeton_refresh_retries_total",
                "Refreshes answered again within the retry window.",
            ),
            replays: registry.counter(
                "jeton_refresh_replays_total",
                "Grants ended because a refresh token was used again: somebody has a copy.",
            ),
            went_back: registry.counter(
                "jeton_store_went_back_total",
                "Grants ended because a genuine token was newer than their record.",
            ),
            evictions: registry.counter(
                "jeton_grants_evicted_total",
                "Grants ended because their user had too many with their client.",
            ),
            swept: registry.counter("jeton_grants_swept_total", "Spent grants that were freed."),
            backlog: registry.gauge(
                "jeton_sweeper_backlog_grants",
                "Spent grants that are due to be freed; 100000 stands for that many and more.",
            ),
            last_used: registry
                .counter("jeton_last_used_writes_total", "Times of last use that were written."),
            registry,
        }
    }

    /// A refresh token ended its grant.
    pub(super) fn ended(&self, cause: Option<EndCause>) {
        match cause {
            Some(EndCause::Replayed) => self.replays.inc(),
            Some(EndCause::StoreWentBack) => self.went_back.inc(),
            Some(EndCause::Revoked | EndCause::Evicted) | None => {}
        }
    }

    /// Counts a refusal by its cause; other outcomes are none.
    pub(super) fn audited(&self, outcome: &Outcome) {
        if let Some(cause) = outcome.refusal() {
            self.refusals.with_label_values(&[&*cause]).inc();
        }
    }

    /// A client asks for tokens.
    pub(super) fn grant(&self, grant_type: GrantType) -> Call {
        let meter = match grant_type {
            GrantType::Password => &self.password,
            GrantType::RefreshToken => &self.refresh_token,
            GrantType::ClientCredentials => &self.client_credentials,
            GrantType::JwtBearer => &self.jwt_bearer,
            GrantType::TokenExchange => &self.token_exchange,
        };
        meter.begin()
    }
}
