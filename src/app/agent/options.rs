//! Options of an agent.

use super::{identity_metrics::IdentityMetrics, own_tokens::Issuing};
use crate::{
    bearer::IdentityHeaders,
    client::{AssertionFile, TokenClient, validator},
    config::{ListenAddress, SocketAccess, TlsSettings},
    metrics::Registry,
};

/// Options of an agent.
pub struct AgentOptions {
    /// The caller of the server.
    pub client: TokenClient,
    /// Id of the client as which it calls, for the log.
    pub client_id: String,
    /// File of the assertion that proves that client, if one does.
    pub assertion: Option<AssertionFile>,
    /// Metrics of that client's proof.
    pub identity: IdentityMetrics,
    /// Requests tokens of that client for the service beside the agent, if it gets any.
    pub issuing: Option<Issuing>,
    /// Promises for remembered answers.
    pub validator: validator::Options,
    /// Address of the gRPC listener.
    pub listen: ListenAddress,
    /// Address of the HTTP listener, if it is on.
    pub check: Option<ListenAddress>,
    /// Mode, owner and users of these if they are sockets of the file system.
    pub socket: SocketAccess,
    /// Certificate of these if they are addresses of the network; without one there is no TLS.
    pub tls: Option<TlsSettings>,
    /// Address of probes and metrics, if they are on.
    pub ops: Option<ListenAddress>,
    /// The headers that say whose request it is.
    pub headers: IdentityHeaders,
    /// Metrics of the log.
    pub log: Registry,
}
