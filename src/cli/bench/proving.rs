//! The proof of the client in each call of the load.

use tonic::{Status, transport::Channel};

use crate::{
    cli::{
        CliError,
        proof::{Proof, ProofFields},
    },
    client::{
        self, ASSERTION_TYPE, AssertionFile, Authorization, Basic, Credentials, OwnToken,
        TokenClient,
    },
    domain::secret::Secret,
};

/// Proof of the client under whose name the load is made. Clones share what it holds.
#[derive(Clone)]
pub(super) enum Proving {
    /// The client's secret; empty beside a certificate.
    Secret { secret: Secret, authorization: Authorization },
    /// A file with an assertion, which is read for each request that shows it, and the access token that the
    /// client introspects with.
    Assertion { file: AssertionFile, own: OwnToken },
}

impl Proving {
    /// Takes the proof of a command. The own token is issued over `channel`.
    ///
    /// # Errors
    /// For a file that holds no assertion now, and for a person, whose tokens are no client's.
    pub(super) async fn new(
        channel: Channel,
        client_id: &str,
        proof: Proof,
    ) -> Result<Self, CliError> {
        match proof {
            Proof::Secret(secret) => {
                let authorization = Basic::new(client_id, &secret).into();
                Ok(Self::Secret { secret, authorization })
            }
            Proof::Assertion(file) => {
                file.read().await?;
                let client = TokenClient::new(channel, Credentials::Assertion(file.clone()));
                Ok(Self::Assertion { file, own: OwnToken::of_client(client, client_id) })
            }
            Proof::Person(_) => Err(CliError::Usage(
                "bench calls as a client, and this profile is a person's: give it one with a client's \
                 secret, certificate or assertion",
            )),
        }
    }

    /// Returns the fields of one request.
    pub(super) async fn fields(&self, client_id: &str) -> Result<ProofFields, Status> {
        let (mut secret, mut assertion, mut kind) = (String::new(), String::new(), String::new());
        match self {
            Self::Secret { secret: held, .. } => held.expose().clone_into(&mut secret),
            Self::Assertion { file, .. } => {
                let read = file.read().await;
                let read = read.map_err(|error| client::Error::from(error).status().clone())?;
                read.expose().clone_into(&mut assertion);
                ASSERTION_TYPE.clone_into(&mut kind);
            }
        }
        Ok(ProofFields {
            client_id: client_id.to_owned(),
            client_secret: secret,
            client_assertion: assertion,
            client_assertion_type: kind,
        })
    }

    /// Returns the `authorization` of one call without such fields. An own token is renewed before it ends.
    pub(super) async fn authorization(&self) -> Result<Authorization, Status> {
        match self {
            Self::Secret { authorization, .. } => Ok(authorization.clone()),
            Self::Assertion { own, .. } => {
                let token = own.token().await.map_err(|error| error.status().clone())?;
                Ok(Authorization::from(&*token))
            }
        }
    }
}
