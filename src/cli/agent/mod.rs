//! Runs `jeton agent`: answers about tokens beside the services that ask.

mod arguments;
mod identity;
mod own_proof;

use std::sync::Arc;

pub(super) use self::arguments::Agent;
use self::identity::Identity;
use super::{
    CliError,
    reread::{Reread, apply},
};
use crate::{
    app::{self, AgentOptions, IdentityMetrics},
    config::{AgentFile, AuditSettings, ProcessEnvironment, ServingEnvironment, TraceSettings},
    telemetry,
};

impl Agent {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let AgentFile { settings, log } = self.settings(&ProcessEnvironment)?;
        let identity = self.identity(&settings).await?;
        let log = telemetry::start(&log, &AuditSettings::default(), &TraceSettings::default())?;
        let (assertion, metrics) = (identity.assertion(), IdentityMetrics::new());
        let Identity { client, server, client_id, own, issuing, following: _following } =
            identity.follow(&metrics);
        let (switch, running) = (log.switch.clone(), settings.clone());
        let reread = move || {
            let read = self.settings(&ServingEnvironment).map(|AgentFile { settings, log }| {
                let changed = (settings != running).then_some("agent");
                Reread { log, restart: changed.into_iter().collect() }
            });
            apply(&switch, read);
        };
        let options = AgentOptions {
            client,
            server,
            client_id,
            own,
            assertion,
            identity: metrics,
            issuing,
            settings,
            log: log.metrics.clone(),
            reread: Arc::new(reread),
        };
        app::serve_agent(options).await.map_err(CliError::from)
    }

    /// Looks at what can be looked at without a server: settings, certificates, credentials.
    pub(super) async fn examine(self) -> Result<(), CliError> {
        let AgentFile { settings, .. } = self.settings(&ProcessEnvironment)?;
        if let Some(tls) = settings.tls() {
            app::load_certificates(tls).await?;
        }
        if let Some(assertion) = self.identity(&settings).await?.assertion() {
            assertion.read().await?;
        }
        Ok(())
    }
}
