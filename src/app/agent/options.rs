//! How an agent is to be run.

use std::net::SocketAddr;

use crate::{
    bearer::IdentityHeaders,
    client::{TokenClient, validator},
    config::{ListenAddress, SocketMode},
    metrics::Registry,
};

/// How an agent is to be run.
pub struct AgentOptions {
    /// The caller of the server.
    pub client: TokenClient,
    /// As whom it calls, for the log.
    pub client_id: String,
    /// What is promised of what is remembered.
    pub validator: validator::Options,
    /// Where gRPC is answered.
    pub listen: ListenAddress,
    /// Where `/check` is, if it is.
    pub check: Option<ListenAddress>,
    /// Who may connect to these where they are sockets of the file system.
    pub socket_mode: SocketMode,
    /// Where probes and metrics are, if they are.
    pub ops: Option<SocketAddr>,
    /// The headers that say whose request it is.
    pub headers: IdentityHeaders,
    /// What the log counts.
    pub log: Registry,
}
