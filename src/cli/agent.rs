//! `jeton agent`.

use std::{net::SocketAddr, time::Duration};

use clap::Args;

use super::{CliError, connection};
use crate::{
    app::{self, AgentOptions},
    bearer::IdentityHeaders,
    client::{Basic, Credentials, TokenClient, validator::Options},
    config::{
        self, AuditSettings, CheckListen, ListenAddress, ListenOrOff, LogSettings, SocketMode,
        TraceSettings,
    },
    telemetry,
};

/// Answers services and proxies on this machine from memory whether tokens are good
#[derive(Args, Debug)]
pub(super) struct Agent {
    #[command(flatten)]
    caller: connection::Caller,

    /// Address for Introspect, `BatchIntrospect` and Envoy's Check: an address and port that only
    /// this machine reaches, since everything that reaches it may ask, or unix: and a path
    #[arg(
        long,
        env = "JETON_AGENT_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenAddress::parse,
        default_value = "127.0.0.1:50061"
    )]
    listen: ListenAddress,

    /// Address of /check, at which proxies ask: as --listen, or off
    #[arg(
        long,
        env = "JETON_AGENT_CHECK_LISTEN",
        value_name = "ADDRESS",
        value_parser = CheckListen::parse,
        default_value = "off"
    )]
    check_listen: CheckListen,

    /// Mode of a socket of the file system, which decides who may connect
    #[arg(
        long,
        env = "JETON_AGENT_SOCKET_MODE",
        value_name = "MODE",
        value_parser = SocketMode::parse,
        default_value = "0600"
    )]
    socket_mode: SocketMode,

    /// Address and port of probes and metrics, or off
    #[arg(
        long,
        env = "JETON_AGENT_OPS_LISTEN",
        value_name = "ADDRESS",
        value_parser = config::listen_or_off,
        default_value = "127.0.0.1:9091"
    )]
    ops_listen: ListenOrOff,

    /// For how long at most a token is accepted after its revocation was acknowledged
    #[arg(
        long,
        env = "JETON_AGENT_MAX_STALENESS",
        value_name = "DURATION",
        value_parser = config::duration,
        default_value = "2s"
    )]
    max_staleness: Duration,

    /// Number of good tokens that are remembered
    #[arg(long, env = "JETON_AGENT_REMEMBERED", value_name = "N", default_value_t = 100_000)]
    remembered: usize,
}

impl Agent {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let check = self.check_listen.address();
        for (address, name) in
            [(Some(&self.listen), "--listen"), (check.as_ref(), "--check-listen")]
        {
            if address.is_some_and(|address| !address.is_local()) {
                return Err(CliError::Elsewhere(name));
            }
        }
        let session = self.caller.connect_lazily()?;
        let log = telemetry::start(
            &LogSettings::default(),
            &AuditSettings::default(),
            &TraceSettings::default(),
        )?;
        let credentials = if session.secret.expose().is_empty() {
            Credentials::Unadded
        } else {
            Credentials::Basic(Basic::new(&session.client_id, &session.secret))
        };
        let options = AgentOptions {
            client: TokenClient::new(session.channel, credentials),
            client_id: session.client_id,
            validator: Options {
                max_staleness: self.max_staleness,
                entries: self.remembered,
                ..Options::default()
            },
            listen: self.listen,
            check,
            socket_mode: self.socket_mode,
            ops: at(self.ops_listen),
            headers: IdentityHeaders::default(),
            log: log.metrics.clone(),
        };
        app::serve_agent(options).await.map_err(CliError::from)
    }
}

const fn at(listen: ListenOrOff) -> Option<SocketAddr> {
    match listen {
        ListenOrOff::Off => None,
        ListenOrOff::At(address) => Some(address),
    }
}
