//! The Rust client with a projected token: its own token, a validator, and the layer in front of a service.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response, StatusCode};
use jeton::{
    client::{
        AssertionFile, Claims, Credentials, Error, OwnToken, TokenClient, Validator,
        layer::RequireToken, validator::Options,
    },
    proto::v1::{IntrospectRequest, IssueTokenRequest, RevokeTokenRequest},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{
    common::{caller::client_credentials, home::Home, wait::until},
    scene::{Projected, World, token},
};

#[tokio::test]
async fn the_calls_of_a_client_show_its_token_as_the_file_has_it_now() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    let credentials = Credentials::Assertion(AssertionFile::at(file.path()));
    let client = TokenClient::new(world.server.connect().await, credentials);
    let issue = async || client.issue_token(client_credentials()).await;
    let missing = issue().await.expect_err("no file");
    assert!(matches!(missing, Error::Credentials(_)) && missing.to_string().contains("No such"));
    file.put(&token(&world, "orders"));
    let issued = issue().await.expect("a token");
    let revoke = RevokeTokenRequest { token: issued.access_token, ..RevokeTokenRequest::default() };
    client.revoke_token(revoke).await.expect("revoked");
    file.put("garbage");
    let garbage = issue().await.expect_err("no token");
    assert!(!garbage.to_string().contains("garbage"), "{garbage}");
    file.put(&token(&world, "stranger"));
    assert!(matches!(issue().await, Err(Error::Credentials(_))));
    file.put(&token(&world, "edge"));
    let named = IssueTokenRequest { client_id: "orders".into(), ..client_credentials() };
    assert!(matches!(client.issue_token(named).await, Err(Error::Credentials(_))));
    issue().await.expect("another client's token");
    world.server.stop().await;
}

async fn whose(request: Request<()>) -> Result<Response<String>, Infallible> {
    let claims = request.extensions().get::<Arc<Claims>>();
    Ok(Response::new(claims.map_or("nobody".to_owned(), |claims| claims.client_id.clone())))
}

#[tokio::test]
async fn a_layer_in_front_of_a_service_needs_no_secret() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    file.put(&token(&world, "edge"));
    // The code of the page on clients.
    let channel = world.server.connect().await;
    let assertion = Credentials::Assertion(AssertionFile::at(file.path()));
    let own = OwnToken::of_client(TokenClient::new(channel.clone(), assertion), "edge");
    let client = TokenClient::new(channel, Credentials::Bearer(own));
    let validator = Validator::start(client.clone(), Options::default());
    let require = RequireToken::new(validator.clone(), "billing");

    until("to follow", async || validator.staleness().is_some()).await;
    let good = world.server.caller("shop").await.issue(client_credentials()).await.expect("one");
    let asked = async || {
        let request =
            Request::builder().header("authorization", format!("Bearer {}", good.access_token));
        let request = request.body(()).expect("a request");
        require.layer(service_fn(whose)).oneshot(request).await.expect("infallible")
    };
    let answer = asked().await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "shop"));
    // The own token lives on while the file is away.
    file.remove();
    let request = IntrospectRequest { token: good.access_token.clone(), ..Default::default() };
    assert!(client.introspect(request).await.expect("an answer").active);
    assert_eq!(asked().await.status(), StatusCode::OK);
    world.server.stop().await;
}
