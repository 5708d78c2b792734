//! Which server a command talks to, and as which client.

use clap::Args;
use tonic::transport::Channel;

use super::{CliError, input};
use crate::{client, domain::secret::Secret};

/// The server.
#[derive(Args, Debug)]
pub(super) struct Server {
    /// The server's gRPC address
    #[arg(
        long,
        env = "JETON_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:50051"
    )]
    server: String,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Channel, CliError> {
        let connected = client::connect(self.server.clone()).await;
        connected.map_err(|error| CliError::Connect { server: self.server.clone(), error })
    }
}

/// The client on whose behalf a command calls.
#[derive(Args, Debug)]
pub(super) struct Credentials {
    /// The client's id
    #[arg(long, env = "JETON_CLIENT_ID", value_name = "ID")]
    client_id: String,

    /// The client is public: it has no secret. Otherwise the secret is read from the variable
    /// `JETON_CLIENT_SECRET` or asked for
    #[arg(long)]
    public: bool,
}

impl Credentials {
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client's secret; empty for a public client.
    pub(super) fn secret(&self) -> Result<Secret, CliError> {
        if self.public {
            return Ok(Secret::new(""));
        }
        input::secret("JETON_CLIENT_SECRET", "Client secret")
    }
}
