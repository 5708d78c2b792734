//! Secrets of clients: one that is generated is shown before it counts.

use clap::Args;
use tonic::Status;

use super::fields::shown;
use crate::{
    app,
    cli::{
        CliError, input, meant,
        output::{self, Begun, Format},
        time,
    },
    client::Admin,
    proto::v1,
};

/// A secret, generated unless it is said to be chosen.
#[derive(Args, Debug)]
pub(super) struct NewSecret {
    /// The secret is yours: asked for, or read from standard input. It must have at least 15
    /// characters, unless the server's settings say else, and be no common one
    #[arg(long)]
    chosen_secret: bool,

    /// Life of the secret; for ever unless given
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    pub(super) secret_ttl: Option<prost_types::Duration>,
}

impl NewSecret {
    /// Returns whether a flag speaks of the secret: then there is to be one.
    pub(super) fn is_asked_for(&self) -> bool {
        self.chosen_secret || self.secret_ttl.is_some()
    }

    /// Gives a client the secret by `send`, which takes it, and whether the server is only to say if
    /// it would. Prints the client.
    pub(super) async fn give(
        &self,
        output: Format,
        mut send: impl AsyncFnMut(String, bool) -> Result<Option<v1::Client>, Status>,
    ) -> Result<(), CliError> {
        if self.chosen_secret {
            let secret = input::new_secret("client secret")?.expose().to_owned();
            let client = send(secret, false).await?;
            return shown(client.unwrap_or_default()).print(output);
        }
        if !Begun::is_asked_for("client_secret") {
            return Err(CliError::Usage(
                "the secret is shown this once: --field client_secret, or without --field",
            ));
        }
        let secret = app::new_client_secret();
        // Asks the server first: a secret that it would refuse is never shown. A server of version
        // 0.1 does not know the question and does what is asked at once.
        let done = send(secret.expose().to_owned(), true).await?;
        output::note("This is the only time that the client secret is shown.");
        let begun = Begun::with("client_secret", secret.expose(), output);
        if begun.is_err() && done.is_none() {
            output::note("The secret cannot be printed, so nothing was changed.");
        }
        let begun = begun?;
        let client = match done {
            Some(client) => Ok(client),
            None => send(secret.expose().to_owned(), false).await.map(Option::unwrap_or_default),
        };
        if client.is_err() {
            output::note(
                "The secret that was printed may not count. To give it once more, which is safe: \
                 --chosen-secret.",
            );
        }
        begun.end(shown(client?))
    }
}

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Last {
    /// Leaves the server without an administrator that lasts, if it must be; refused otherwise
    #[arg(long)]
    pub(super) allow_no_administrator: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct RotateSecret {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    #[command(flatten)]
    secret: NewSecret,

    /// Only if the client is still as it was when this was its etag
    #[arg(long, value_name = "ETAG", value_parser = meant::given)]
    etag: Option<String>,

    /// Time for which the previous newest secret stays good, 0s to end it at once; 24h unless given
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    previous_ttl: Option<prost_types::Duration>,

    #[command(flatten)]
    last: Last,
}

impl RotateSecret {
    pub(super) async fn run(self, admin: &mut Admin, output: Format) -> Result<(), CliError> {
        let request = v1::RotateClientSecretRequest {
            client_id: self.id,
            previous_ttl: self.previous_ttl,
            secret_ttl: self.secret.secret_ttl,
            etag: self.etag.unwrap_or_default(),
            allow_no_administrator: self.last.allow_no_administrator,
            ..v1::RotateClientSecretRequest::default()
        };
        let rotate = async |client_secret: String, validate_only| {
            let request =
                v1::RotateClientSecretRequest { client_secret, validate_only, ..request.clone() };
            Ok(admin.rotate_client_secret(request).await?.into_inner().client)
        };
        self.secret.give(output, rotate).await
    }
}
