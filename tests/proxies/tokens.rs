//! Tokens of the client `shop` for itself, as the table knows them.

use jeton::proto::v1::IssueTokenRequest;

use crate::common::{caller::client_credentials, server::Server};

/// One for `billing` with the scope `read`, and one that was revoked.
pub(crate) struct Tokens {
    pub(crate) good: String,
    pub(crate) ended: String,
}

impl Tokens {
    pub(crate) async fn of_shop(server: &Server) -> Self {
        let shop = server.caller("shop").await;
        let issued = shop.issue(IssueTokenRequest {
            scopes: vec!["read".to_owned()],
            audience: vec!["billing".to_owned()],
            ..client_credentials()
        });
        let good = issued.await.expect("a token").access_token;
        let ended = shop.issue(client_credentials()).await.expect("a token").access_token;
        shop.revoke(&ended).await.expect("revoked");
        Self { good, ended }
    }
}
