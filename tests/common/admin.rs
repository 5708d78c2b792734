//! An administrator: the generated stub of `AdminService`, with credentials.

use jeton::{
    client::with_basic,
    domain::secret::Secret,
    proto::v1::{
        self, Client, CreateClientRequest, CreateUserRequest, GetClientRequest, GetUserRequest,
        RevokeGrantsRequest, RevokeGrantsResponse, RotateClientSecretRequest, UpdateClientRequest,
        User, admin_service_client::AdminServiceClient, get_user_request::Name,
    },
};
use tonic::{Request, Status, transport::Channel};

use super::{
    server::Server,
    settings::{Settings, Table},
};

/// A password that the rules for new ones allow.
pub(crate) const PASSWORD: &str = "kx7vqzmw2nfd9tr-rules";

/// The standard settings and the client `root`, who may administer.
pub(crate) fn with_admin() -> Settings {
    let root = Table::confidential("root").toml("permissions", r#"["admin"]"#);
    Settings::standard().and(root)
}

/// One administrator over one connection. Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// For calls that the methods below do not make.
    pub(crate) stub: AdminServiceClient<Channel>,
    /// Its name.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: String,
}

impl Admin {
    /// `root`, by a connection of its own.
    pub(crate) async fn of(server: &Server) -> Self {
        let stub = AdminServiceClient::new(server.connect().await);
        Self { stub, id: "root".to_owned(), secret: "root-secret".to_owned() }
    }

    /// The message with this administrator's credentials.
    pub(crate) fn signed<T>(&self, message: T) -> Request<T> {
        with_basic(message, &self.id, &Secret::new(self.secret.as_str()))
    }

    /// Registers a client, and returns the secret that was generated.
    pub(crate) async fn create_client(&self, client: Client) -> (Client, String) {
        let request = CreateClientRequest { client: Some(client), ..Default::default() };
        let answer = self.stub.clone().create_client(self.signed(request)).await;
        let answer = answer.expect("a client").into_inner();
        (answer.client.expect("the client"), answer.client_secret)
    }

    /// A client that there is.
    pub(crate) async fn client(&self, client_id: &str) -> Client {
        let request = GetClientRequest { client_id: client_id.to_owned() };
        let answer = self.stub.clone().get_client(self.signed(request)).await;
        answer.expect("an answer").into_inner().client.expect("the client")
    }

    /// Changes some fields of a client.
    pub(crate) async fn update_client(
        &self,
        client: Client,
        fields: &[&str],
    ) -> Result<Client, Status> {
        let request = UpdateClientRequest {
            client: Some(client),
            update_mask: Some(mask(fields)),
            ..Default::default()
        };
        let answer = self.stub.clone().update_client(self.signed(request)).await?;
        Ok(answer.into_inner().client.expect("the client"))
    }

    /// Disables or enables a client.
    pub(crate) async fn set_disabled(&self, client_id: &str, disabled: bool) {
        let client = Client { client_id: client_id.to_owned(), disabled, ..Default::default() };
        self.update_client(client, &["disabled"]).await.expect("changed");
    }

    /// Rotates a client's secret to a generated one.
    pub(crate) async fn rotate(
        &self,
        request: RotateClientSecretRequest,
    ) -> Result<v1::RotateClientSecretResponse, Status> {
        let answer = self.stub.clone().rotate_client_secret(self.signed(request)).await?;
        Ok(answer.into_inner())
    }

    /// Creates a user, whose password is [`PASSWORD`].
    pub(crate) async fn create_user(&self, username: &str) -> Result<User, Status> {
        let user = User { username: username.to_owned(), ..Default::default() };
        let request = CreateUserRequest { user: Some(user), password: PASSWORD.to_owned() };
        let answer = self.stub.clone().create_user(self.signed(request)).await?;
        Ok(answer.into_inner().user.expect("the user"))
    }

    /// The id of a user that there is.
    pub(crate) async fn user_id(&self, username: &str) -> String {
        self.user(username).await.expect("the user").user_id
    }

    /// A user by login name.
    pub(crate) async fn user(&self, username: &str) -> Result<User, Status> {
        let request = GetUserRequest { name: Some(Name::Username(username.to_owned())) };
        let answer = self.stub.clone().get_user(self.signed(request)).await?;
        Ok(answer.into_inner().user.expect("the user"))
    }

    /// Ends grants, or counts them.
    pub(crate) async fn revoke_grants(
        &self,
        request: RevokeGrantsRequest,
    ) -> Result<RevokeGrantsResponse, Status> {
        let answer = self.stub.clone().revoke_grants(self.signed(request)).await?;
        Ok(answer.into_inner())
    }
}

/// Names fields.
pub(crate) fn mask(fields: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: fields.iter().copied().map(str::to_owned).collect() }
}
