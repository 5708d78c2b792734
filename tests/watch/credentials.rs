//! A watch ends with the credentials that it was begun with.

use std::time::Duration;

use jeton::proto::v1::{
    Client, IssueTokenRequest, RotateClientSecretRequest, WatchRevocationsRequest,
};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, by_password, for_jeton},
        refusal::assert_refused,
        server::Server,
        settings::Settings,
    },
    watcher::{Watcher, after},
};

fn bearing(token: &str) -> Request<WatchRevocationsRequest> {
    let mut request = Request::new(after(""));
    let bearer: MetadataValue<_> = format!("Bearer {token}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", bearer);
    request
}

async fn begun(caller: &Caller, token: &str) -> Watcher {
    let mut watcher = Watcher::open(caller, bearing(token)).await.expect("a watch");
    watcher.next().await.expect("a first response");
    watcher
}

#[track_caller]
fn assert_ended(status: Status, reason: &str) {
    assert_refused(Err::<(), _>(status), Code::Unauthenticated, reason);
}

#[tokio::test]
async fn nobody_watches_without_credentials_and_the_error_comes_before_any_response() {
    let server = Server::start(&Settings::standard()).await;
    let caller = server.caller("gateway").await;
    let nobody = Watcher::open(&caller, Request::new(after(""))).await;
    assert_refused(nobody.map(drop), Code::Unauthenticated, "INVALID_CLIENT");
    let forged = Watcher::open(&caller, bearing("jat_x")).await;
    assert_refused(forged.map(drop), Code::Unauthenticated, "INVALID_TOKEN");
    let wrong = Caller { secret: "wrong".to_owned(), ..caller };
    let wrong = Watcher::start(&wrong, after("")).await;
    assert_refused(wrong.map(drop), Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_its_bearer_expires() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let ttl = Some(Duration::from_secs(2).try_into().expect("two seconds"));
    let request = IssueTokenRequest { ttl, ..for_jeton() };
    let issued = gateway.issue(request).await.expect("a token");
    let mut watch = begun(&gateway, &issued.access_token).await;
    assert_ended(watch.end().await, "INVALID_TOKEN");
    assert!(!gateway.is_active(&issued.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_its_bearer_is_revoked_and_is_not_told_of_that() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let issued = gateway.issue(for_jeton()).await.expect("a token");
    let mut watch = begun(&gateway, &issued.access_token).await;
    gateway.revoke(&issued.access_token).await.expect("revoked");
    assert_ended(watch.end().await, "INVALID_TOKEN");
    assert_eq!(watch.told, []);
    server.stop().await;
}

#[tokio::test]
async fn a_users_token_watches_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let request = IssueTokenRequest { audience: for_jeton().audience, ..by_password("alice") };
    let issued = gateway.issue(request).await.expect("a token");
    let refused = Watcher::open(&gateway, bearing(&issued.access_token)).await;
    assert_refused(refused.map(drop), Code::Unauthenticated, "INVALID_TOKEN");
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_jeton_is_taken_from_the_client_of_its_bearer() {
    let server = Server::start(&with_admin()).await;
    let (gateway, admin) = (server.caller("gateway").await, Admin::of(&server).await);
    let issued = gateway.issue(for_jeton()).await.expect("a token");
    let mut watch = begun(&gateway, &issued.access_token).await;
    let client = Client {
        client_id: "gateway".to_owned(),
        audience: vec!["billing".to_owned()],
        ..Client::default()
    };
    admin.update_client(client, &["audience"]).await.expect("changed");
    assert_ended(watch.end().await, "INVALID_TOKEN");
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_its_client_is_disabled_or_deleted() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    for client_id in ["gateway", "billing"] {
        let caller = server.caller(client_id).await;
        let mut watch = Watcher::of(&caller).await;
        if client_id == "gateway" {
            admin.set_disabled(client_id, true).await;
        } else {
            let request = jeton::proto::v1::DeleteClientRequest {
                client_id: client_id.to_owned(),
                ..Default::default()
            };
            admin.stub.clone().delete_client(admin.signed(request)).await.expect("deleted");
        }
        assert_ended(watch.end().await, "INVALID_CLIENT");
        assert_eq!(watch.told, [], "{client_id}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_watch_ends_when_its_secret_does_and_not_before() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let caller = server.caller("gateway").await;
    let mut watch = Watcher::of(&caller).await;
    let previous_ttl = Some(Duration::from_secs(3).try_into().expect("three seconds"));
    let request = RotateClientSecretRequest {
        client_id: "gateway".to_owned(),
        previous_ttl,
        ..Default::default()
    };
    let rotated = admin.rotate(request).await.expect("rotated");
    let renewed = Caller { secret: rotated.client_secret, ..caller.clone() };
    let mut next = Watcher::of(&renewed).await;
    let told = watch.up_to_now(&renewed).await;
    assert!(!told.is_empty(), "the watch outlives the rotation, whose event it is told");
    assert_ended(watch.end().await, "INVALID_CLIENT");
    next.up_to_now(&renewed).await;
    server.stop().await;
}
