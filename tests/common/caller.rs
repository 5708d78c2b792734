//! A client of the service: the generated stub, with credentials.

use jeton::{
    client::with_basic,
    domain::secret::Secret,
    proto::v1::{
        self, BatchIntrospectRequest, ClientCredentialsGrant, GetRevocationCursorRequest,
        IntrospectRequest, IntrospectResponse, IssueTokenRequest, IssueTokenResponse,
        PasswordGrant, RefreshTokenRequest, RefreshTokenResponse, RevokeScope, RevokeTokenRequest,
        TokenKind, issue_token_request::Grant, token_service_client::TokenServiceClient,
    },
};
use tonic::{Request, Status, transport::Channel};

/// Asks for a token for a user whose password is the name and `-password`.
pub(crate) fn by_password(username: &str) -> IssueTokenRequest {
    with_password(username, &format!("{username}-password"))
}

/// Asks for a token for a user with this password.
pub(crate) fn with_password(username: &str, password: &str) -> IssueTokenRequest {
    let (username, password) = (username.to_owned(), password.to_owned());
    let grant = Some(Grant::Password(PasswordGrant { username, password }));
    IssueTokenRequest { grant, ..IssueTokenRequest::default() }
}

/// Asks for a token for the client itself.
pub(crate) fn client_credentials() -> IssueTokenRequest {
    let grant = Some(Grant::ClientCredentials(ClientCredentialsGrant {}));
    IssueTokenRequest { grant, ..IssueTokenRequest::default() }
}

/// Asks for a token that is good as a bearer: for the client itself, and for jeton.
pub(crate) fn for_jeton() -> IssueTokenRequest {
    IssueTokenRequest { audience: vec!["jeton".to_owned()], ..client_credentials() }
}

/// One client over one connection. Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// For calls that the methods below do not make.
    pub(crate) stub: TokenServiceClient<Channel>,
    /// Its name.
    pub(crate) id: String,
    /// Empty for a public client.
    pub(crate) secret: String,
}

impl Caller {
    /// The name determines whether there is a secret, and which one.
    pub(crate) fn new(channel: Channel, id: &'static str) -> Self {
        let public = matches!(id, "app" | "kiosk");
        let secret = if public { String::new() } else { format!("{id}-secret") };
        Self { stub: TokenServiceClient::new(channel), id: id.to_owned(), secret }
    }

    /// Issues; fills in the credentials.
    pub(crate) async fn issue(
        &self,
        request: IssueTokenRequest,
    ) -> Result<IssueTokenResponse, Status> {
        let client_id = self.id.clone();
        let client_secret = self.secret.clone();
        let request = IssueTokenRequest { client_id, client_secret, ..request };
        self.stub.clone().issue_token(request).await.map(tonic::Response::into_inner)
    }

    /// A fresh grant for alice.
    pub(crate) async fn log_in(&self) -> IssueTokenResponse {
        self.issue(by_password("alice")).await.expect("a grant for alice")
    }

    /// Refreshes to all scopes.
    pub(crate) async fn refresh(&self, token: &str) -> Result<RefreshTokenResponse, Status> {
        self.refresh_to(token, &[]).await
    }

    /// Refreshes to some scopes.
    pub(crate) async fn refresh_to(
        &self,
        token: &str,
        scopes: &[&str],
    ) -> Result<RefreshTokenResponse, Status> {
        let request = RefreshTokenRequest {
            client_id: self.id.clone(),
            client_secret: self.secret.clone(),
            refresh_token: token.to_owned(),
            scopes: scopes.iter().copied().map(str::to_owned).collect(),
            ..RefreshTokenRequest::default()
        };
        self.stub.clone().refresh_token(request).await.map(tonic::Response::into_inner)
    }

    /// Revokes the whole grant.
    pub(crate) async fn revoke(&self, token: &str) -> Result<(), Status> {
        self.revoke_as(token, RevokeTokenRequest::default()).await
    }

    /// Revokes access tokens alone.
    pub(crate) async fn revoke_access_only(&self, token: &str) -> Result<(), Status> {
        let revoke_scope = RevokeScope::AccessTokenOnly.into();
        self.revoke_as(token, RevokeTokenRequest { revoke_scope, ..Default::default() }).await
    }

    /// Revokes with hint and scope of `request`.
    pub(crate) async fn revoke_as(
        &self,
        token: &str,
        request: RevokeTokenRequest,
    ) -> Result<(), Status> {
        let client_id = self.id.clone();
        let client_secret = self.secret.clone();
        let token = token.to_owned();
        let request = RevokeTokenRequest { client_id, client_secret, token, ..request };
        self.stub.clone().revoke_token(request).await.map(drop)
    }

    /// Introspects an access token.
    pub(crate) async fn introspect(&self, token: &str) -> IntrospectResponse {
        self.introspect_as(token, TokenKind::Unspecified).await
    }

    /// Introspects an access token, if that can be done.
    pub(crate) async fn try_introspect(&self, token: &str) -> Result<IntrospectResponse, Status> {
        let request = IntrospectRequest { token: token.to_owned(), ..Default::default() };
        let answer = self.stub.clone().introspect(self.signed(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Introspects a token of the kind expected.
    pub(crate) async fn introspect_as(&self, token: &str, kind: TokenKind) -> IntrospectResponse {
        let request = IntrospectRequest {
            token: token.to_owned(),
            expected_kind: kind.into(),
            ..IntrospectRequest::default()
        };
        let answer = self.stub.clone().introspect(self.signed(request)).await;
        answer.expect("introspection is answered").into_inner()
    }

    /// Returns whether an access token is good.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await.active
    }

    /// Returns the reason for which an access token is not good.
    pub(crate) async fn reason(&self, token: &str) -> v1::InactiveReason {
        let answer = self.introspect(token).await;
        assert!(!answer.active, "the token is active");
        answer.inactive_reason()
    }

    /// Introspects several access tokens.
    pub(crate) async fn introspect_all(
        &self,
        tokens: &[&str],
    ) -> Result<Vec<IntrospectResponse>, Status> {
        let tokens = tokens.iter().copied().map(str::to_owned).collect();
        let request = self.signed(BatchIntrospectRequest { tokens });
        Ok(self.stub.clone().batch_introspect(request).await?.into_inner().results)
    }

    /// The end of the feed of revocations: moves with each of them and with nothing else.
    pub(crate) async fn cursor(&self) -> String {
        let request = self.signed(GetRevocationCursorRequest {});
        let answer = self.stub.clone().get_revocation_cursor(request).await;
        answer.expect("a cursor").into_inner().cursor
    }

    /// The message with this client's credentials in the metadata.
    pub(crate) fn signed<T>(&self, message: T) -> Request<T> {
        with_basic(message, &self.id, &Secret::new(self.secret.as_str()))
    }
}
