//! `jeton health`, for container probes.

use clap::Args;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{CliError, connection::Server, output};

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
        if answer.into_inner().status() == ServingStatus::Serving {
            output::write("serving\n")
        } else {
            Err(CliError::NotServing)
        }
    }
}
