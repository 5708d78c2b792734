//! Runs `jeton agent`: answers about tokens beside the services that ask.

mod arguments;
mod identity;
mod own_proof;

pub(super) use self::arguments::Agent;
use self::identity::Identity;
use super::CliError;
use crate::{
    app::{self, AgentOptions, IdentityMetrics},
    bearer::IdentityHeaders,
    client::validator,
    config::{AuditSettings, LogSettings, TraceSettings},
    telemetry,
};

impl Agent {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let tls = self.served()?;
        let identity = self.identity().await?;
        let log = telemetry::start(
            &LogSettings::default(),
            &AuditSettings::default(),
            &TraceSettings::default(),
        )?;
        let (assertion, metrics) = (identity.assertion(), IdentityMetrics::new());
        let Identity { client, client_id, issuing, following: _following } =
            identity.follow(&metrics);
        let options = AgentOptions {
            client,
            client_id,
            assertion,
            identity: metrics,
            issuing: self.issue_tokens.then_some(issuing),
            validator: validator::Options {
                max_staleness: self.max_staleness,
                entries: self.remembered,
                ..validator::Options::default()
            },
            listen: self.listen,
            check: self.check_listen.address(),
            socket: self.socket.access(),
            tls,
            ops: self.ops_listen.address(),
            headers: IdentityHeaders::default(),
            log: log.metrics.clone(),
        };
        app::serve_agent(options).await.map_err(CliError::from)
    }

    /// Looks at what can be looked at without a server: addresses, certificates, credentials.
    pub(super) async fn examine(self) -> Result<(), CliError> {
        if let Some(tls) = self.served()? {
            app::load_certificates(tls).await?;
        }
        if let Some(assertion) = self.identity().await?.assertion() {
            assertion.read().await?;
        }
        Ok(())
    }
}
