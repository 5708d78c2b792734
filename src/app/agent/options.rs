//! Options of an agent.

use super::{identity_metrics::IdentityMetrics, own_tokens::Issuing};
use crate::{
    app::OnHangup,
    client::{AssertionFile, OwnToken, TokenClient},
    config::AgentSettings,
    metrics::Registry,
};

/// Options of an agent.
pub struct AgentOptions {
    /// The settings. Those of the server and of the client are in force already.
    pub settings: AgentSettings,
    /// The caller of the server.
    pub client: TokenClient,
    /// URL of the server.
    pub server: String,
    /// Id of the client as which it calls, for the log.
    pub client_id: String,
    /// The access token of that client by which it calls.
    pub own: OwnToken,
    /// File of the assertion that proves that client, if one does.
    pub assertion: Option<AssertionFile>,
    /// Metrics of that client's proof.
    pub identity: IdentityMetrics,
    /// Requests tokens of that client for the service beside the agent, as far as the settings give it any.
    pub issuing: Issuing,
    /// Metrics of the log.
    pub log: Registry,
    /// Reads the settings again, at each SIGHUP.
    pub reread: OnHangup,
}
