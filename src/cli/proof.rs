//! The proof of who calls: the client's secret, an assertion of a trusted issuer, or tokens of a person.

use tonic::transport::Channel;

use super::{CliError, person_renewal, person_tokens::PersonTokens, profile::Profile};
use crate::{
    client::{
        ASSERTION_TYPE, AssertionFile, Authorization, Basic, Credentials, OwnToken, TokenClient,
    },
    domain::secret::Secret,
};

/// Proof of a client.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// Its secret; empty where its certificate proves who calls, or nothing does.
    Secret(Secret),
    /// A file with an assertion of a trusted issuer.
    Assertion(AssertionFile),
    /// Tokens of a person who has logged in at the client.
    Person(Box<PersonTokens>),
}

/// The fields of a request that prove who calls.
#[expect(clippy::struct_field_names, reason = "the names are those of the requests")]
pub(super) struct ProofFields {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) client_assertion: String,
    pub(super) client_assertion_type: String,
}

impl Proof {
    /// A proof of nothing: a public client's, or beside a certificate.
    pub(super) fn none() -> Self {
        Self::Secret(Secret::new(""))
    }

    /// Returns the proof of a profile's client, if the profile has one.
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        if let Some(tokens) = &profile.person {
            return Some(Self::Person(Box::new(tokens.clone())));
        }
        match (&profile.assertion_file, &profile.client_secret) {
            (Some(file), _) => Some(Self::Assertion(AssertionFile::at(file))),
            (None, secret) => secret.clone().map(Self::Secret),
        }
    }

    /// Returns the fields for one request. An assertion is read now.
    pub(super) async fn fields(&self, client_id: &str) -> Result<ProofFields, CliError> {
        let mut fields = ProofFields {
            client_id: client_id.to_owned(),
            client_secret: String::new(),
            client_assertion: String::new(),
            client_assertion_type: String::new(),
        };
        match self {
            Self::Secret(secret) => secret.expose().clone_into(&mut fields.client_secret),
            Self::Assertion(file) => {
                file.read().await?.expose().clone_into(&mut fields.client_assertion);
                ASSERTION_TYPE.clone_into(&mut fields.client_assertion_type);
            }
            Self::Person(tokens) => {
                tokens.client_secret.expose().clone_into(&mut fields.client_secret);
            }
        }
        Ok(fields)
    }

    /// Returns the `authorization` for calls without such fields. With an assertion the client gets itself
    /// an access token that is good at the token service alone.
    pub(super) async fn authorization(
        &self,
        client_id: &str,
        channel: impl AsyncFnOnce() -> Result<Channel, CliError>,
    ) -> Result<Authorization, CliError> {
        match self {
            Self::Person(tokens) => person_renewal::authorization(tokens, client_id, channel).await,
            Self::Secret(secret) => Ok(Basic::new(client_id, secret).into()),
            Self::Assertion(file) => {
                file.read().await?;
                let credentials = Credentials::Assertion(file.clone());
                let client = TokenClient::new(channel().await?, credentials);
                let token = OwnToken::of_client(client, client_id).token().await;
                let token = token.map_err(|error| CliError::from(error.status().clone()))?;
                Ok(Authorization::from(&*token))
            }
        }
    }
}
