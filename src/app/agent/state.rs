//! The state of an agent, as it describes itself.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use crate::{
    app::{SystemClock, VERSION, listeners::Listeners},
    client::{OwnToken, Validator},
    config::{AgentSettings, ListenAddress},
    domain::time::Clock as _,
    grpc::{AgentState, AnswerCounts, LastError},
    transport::Tls,
};

/// Sources of the state of an agent.
pub(super) struct State {
    pub(super) server: String,
    pub(super) client_id: String,
    pub(super) own: OwnToken,
    pub(super) settings: AgentSettings,
    pub(super) start_time: SystemTime,
    pub(super) tls: Option<Tls>,
    /// Unset until all of them are bound.
    pub(super) listeners: OnceLock<Listeners>,
}

impl State {
    pub(super) fn describe(&self, validator: &Validator) -> AgentState {
        let (now, counts) = (now(), validator.counts());
        let listeners = self.listeners.get();
        let address =
            |address: Option<&ListenAddress>| address.map(ToString::to_string).unwrap_or_default();
        let ago = |age: Duration| now.checked_sub(age).unwrap_or(now);
        AgentState {
            version: VERSION,
            start_time: self.start_time,
            now,
            server: self.server.clone(),
            client_id: self.client_id.clone(),
            grpc: address(listeners.map(|listeners| &listeners.grpc)),
            check: address(listeners.and_then(|listeners| listeners.check.as_ref())),
            ops: address(listeners.and_then(|listeners| listeners.ops.as_ref())),
            issues_tokens: self.settings.issue_tokens,
            exchange_to: self.settings.exchange_to.names().map(str::to_owned).collect(),
            staleness: validator.staleness(),
            max_staleness: self.settings.max_staleness,
            remembered: validator.remembered() as u64,
            max_remembered: self.settings.remembered.into(),
            answers: AnswerCounts {
                remembered: counts.hits,
                remembered_refusals: counts.remembered_refusals,
                asked: counts.asked,
                malformed: counts.malformed,
                unanswered: counts.unanswered,
            },
            revocations: counts.revocations,
            own_token_expire_time: self.own.life().map(|life| now + life),
            certificate_expire_time: self
                .tls
                .as_ref()
                .map(|tls| time(tls.expire_time().as_millis())),
            last_error: validator
                .last_fault()
                .map(|fault| LastError { text: fault.error.to_string(), time: ago(fault.age) }),
        }
    }
}

/// The present, by the system's clock.
pub(super) fn now() -> SystemTime {
    time(SystemClock.now().as_millis())
}

fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}
