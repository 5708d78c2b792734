//! A guard that answers from memory: the library in this process, or an agent.

use jeton::client::{Validator, validator::Counts};

use crate::{
    agent_door::{AgentDoor, AgentWire, NEXT},
    common::settings::Settings,
    ledger::Accepts,
};

/// Issuer of signed tokens.
pub(crate) const ISSUER: &str = "https://tokens.example.internal";

/// Kind of the guard. Those that judge are shown signed tokens alone, and accept them at first sight.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Library,
    Agent,
    JudgingLibrary,
    JudgingAgent,
}

impl Kind {
    pub(crate) const fn judges(self) -> bool {
        matches!(self, Self::JudgingLibrary | Self::JudgingAgent)
    }

    /// Settings of a server whose tokens it is shown.
    pub(crate) fn settings(self) -> Settings {
        let settings = Settings::standard();
        if self.judges() {
            let settings = settings.set("http", "issuer", ISSUER);
            settings.declare("shop", "access_token_format", r#""jwt""#)
        } else {
            let grants = r#"["token_exchange", "client_credentials"]"#;
            settings
                .declare("shop", "audience", r#"["billing", "gateway", "jeton"]"#)
                .declare("gateway", "grants", grants)
                .declare("gateway", "may_exchange_to", &format!("[{NEXT:?}]"))
        }
    }
}

#[derive(Clone)]
pub(crate) enum Guard {
    Library(Validator),
    Agent(AgentDoor),
}

impl Guard {
    /// Returns whether the memory was proven to be up to date.
    pub(crate) async fn follows(&self) -> bool {
        match self {
            Self::Library(validator) => validator.staleness().is_some(),
            Self::Agent(agent) => agent.follows().await,
        }
    }

    /// Returns the counts of the validator.
    pub(crate) async fn counts(&self) -> Counts {
        match self {
            Self::Library(validator) => validator.counts(),
            Self::Agent(agent) => agent.counts().await,
        }
    }
}

/// One way to ask a guard.
#[derive(Clone)]
pub(crate) enum Way {
    Library(Validator),
    Agent(AgentWire),
}

impl Guard {
    /// All ways to ask it.
    pub(crate) fn ways(&self) -> Vec<Way> {
        match self {
            Self::Library(validator) => vec![Way::Library(validator.clone())],
            Self::Agent(agent) => agent.wires().into_iter().map(Way::Agent).collect(),
        }
    }
}

impl Accepts for Way {
    async fn accepts(&self, token: &str) -> bool {
        match self {
            Self::Library(validator) => validator.accepts(token).await,
            Self::Agent(wire) => wire.accepts(token).await,
        }
    }
}
