//! The calls as they are sent: one connection, the client's credentials, a token at a time.

use tonic::{Request, Status, transport::Channel};

use super::proving::Proving;
use crate::{
    cli::proof::ProofFields,
    domain::secret::Secret,
    proto::v1::{self, issue_token_request::Grant, token_service_client::TokenServiceClient},
};

/// One client over one connection. Clones share the connection.
#[derive(Clone)]
pub(super) struct Caller {
    stub: TokenServiceClient<Channel>,
    client_id: String,
    proving: Proving,
    user: Option<(String, Secret)>,
}

impl Caller {
    pub(super) fn new(
        channel: Channel,
        client_id: &str,
        proving: Proving,
        user: Option<(String, Secret)>,
    ) -> Self {
        let stub = TokenServiceClient::new(channel).max_decoding_message_size(16 << 20);
        Self { stub, client_id: client_id.to_owned(), proving, user }
    }

    /// An access token for the client itself.
    pub(super) async fn issue(&self) -> Result<String, Status> {
        let grant = Grant::ClientCredentials(v1::ClientCredentialsGrant {});
        Ok(self.issue_by(grant).await?.access_token)
    }

    /// A refresh token for the user.
    pub(super) async fn log_in(&self) -> Result<String, Status> {
        let Some((username, password)) = &self.user else {
            return Err(Status::invalid_argument("there is no user to log in"));
        };
        let (username, password) = (username.clone(), password.expose().to_owned());
        let grant = Grant::Password(v1::PasswordGrant { username, password });
        Ok(self.issue_by(grant).await?.refresh_token)
    }

    async fn issue_by(&self, grant: Grant) -> Result<v1::IssueTokenResponse, Status> {
        let ProofFields { client_id, client_secret, client_assertion, client_assertion_type } =
            self.proving.fields(&self.client_id).await?;
        let request = v1::IssueTokenRequest {
            client_id,
            client_secret,
            client_assertion,
            client_assertion_type,
            grant: Some(grant),
            ..v1::IssueTokenRequest::default()
        };
        Ok(self.stub.clone().issue_token(request).await?.into_inner())
    }

    /// The next refresh token.
    pub(super) async fn refresh(&self, refresh_token: String) -> Result<String, Status> {
        let ProofFields { client_id, client_secret, client_assertion, client_assertion_type } =
            self.proving.fields(&self.client_id).await?;
        let request = v1::RefreshTokenRequest {
            client_id,
            client_secret,
            client_assertion,
            client_assertion_type,
            refresh_token,
            scopes: Vec::new(),
        };
        Ok(self.stub.clone().refresh_token(request).await?.into_inner().refresh_token)
    }

    pub(super) async fn revoke(&self, token: String) -> Result<(), Status> {
        let ProofFields { client_id, client_secret, client_assertion, client_assertion_type } =
            self.proving.fields(&self.client_id).await?;
        let request = v1::RevokeTokenRequest {
            client_id,
            client_secret,
            client_assertion,
            client_assertion_type,
            token,
            ..v1::RevokeTokenRequest::default()
        };
        self.stub.clone().revoke_token(request).await.map(drop)
    }

    /// Returns whether the token is good.
    pub(super) async fn introspect(&self, token: String) -> Result<bool, Status> {
        let request = v1::IntrospectRequest { token, ..v1::IntrospectRequest::default() };
        Ok(self.stub.clone().introspect(self.signed(request).await?).await?.into_inner().active)
    }

    /// Returns whether all of the tokens are good.
    pub(super) async fn introspect_all(&self, tokens: Vec<String>) -> Result<bool, Status> {
        let request = self.signed(v1::BatchIntrospectRequest { tokens }).await?;
        let results = self.stub.clone().batch_introspect(request).await?.into_inner().results;
        Ok(results.iter().all(|result| result.active))
    }

    async fn signed<T>(&self, message: T) -> Result<Request<T>, Status> {
        Ok(self.proving.authorization().await?.on(message))
    }
}
