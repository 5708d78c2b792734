//! `jeton health`, for container probes.

use clap::Args;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{CliError, connection::Server, output};
use crate::app::NOT_SERVING;

#[derive(Args, Debug)]
pub(super) struct Health {
    #[command(flatten)]
    server: Server,

    /// The service to ask about; the whole server when left out
    #[arg(long, default_value = "")]
    service: String,
}

impl Health {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut health = HealthClient::new(self.server.connect().await?);
        let answer = health.check(HealthCheckRequest { service: self.service }).await?;
        if answer.get_ref().status() == ServingStatus::Serving {
            return output::write("serving\n");
        }
        let why = answer.metadata().get(NOT_SERVING).and_then(|why| why.to_str().ok());
        Err(CliError::NotServing(why.map(|why| format!(": {why}")).unwrap_or_default()))
    }
}
