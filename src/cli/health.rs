//! `jeton health`, for container probes.

use clap::Args;
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    CliError,
    connection::{Instance, Server},
    output,
};
use crate::app::NOT_SERVING;

#[derive(Args, Debug)]
pub(super) struct Health {
    #[command(flatten)]
    server: Server,

    /// The service to ask about; the whole server by default
    #[arg(long, default_value = "")]
    service: String,
}

impl Health {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut instances = self.server.connect_each().await?;
        if instances.len() == 1 {
            return match check(instances.remove(0).to?, self.service).await? {
                None => output::write("serving\n"),
                Some(why) => Err(CliError::NotServing(why)),
            };
        }
        let mut failed = 0;
        for Instance { url, to } in instances {
            let found = match to {
                Ok(channel) => check(channel, self.service.clone()).await,
                Err(error) => Err(error),
            };
            let words = match found {
                Ok(None) => "serving".to_owned(),
                Ok(Some(why)) => format!("not serving{why}"),
                Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
            };
            failed += usize::from(words != "serving");
            output::write(&format!("{url}  {words}\n"))?;
        }
        if failed == 0 { Ok(()) } else { Err(CliError::SomeFailed(failed)) }
    }
}

/// Asks a server whether it serves. Returns `None` if it does, else `: ` and the reason, or an
/// empty text if it gives none.
async fn check(channel: Channel, service: String) -> Result<Option<String>, CliError> {
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await?;
    if answer.get_ref().status() == ServingStatus::Serving {
        return Ok(None);
    }
    let why = answer.metadata().get(NOT_SERVING).and_then(|why| why.to_str().ok());
    Ok(Some(why.map(|why| format!(": {why}")).unwrap_or_default()))
}
