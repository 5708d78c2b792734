//! A change of a client's registration takes effect when the table in docs/administration.md says.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::time::Duration;

use jeton::proto::v1::{
    Client, GrantLimit, GrantType, IntrospectReach, IssueTokenRequest, Permission, RequestLimit,
    RevokeGrantsRequest, WhenFull,
};
use tonic::{Code, Request, Status};

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials, for_jeton},
    refusal::assert_refused,
    server::Server,
};

/// A server, its administrator and its client `shop`.
async fn scene() -> (Server, Admin, Caller) {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    (server, admin, shop)
}

/// Changes one field of `shop`.
async fn change(admin: &Admin, field: &str, client: Client) {
    let client = Client { client_id: "shop".to_owned(), ..client };
    admin.update_client(client, &[field]).await.expect("changed");
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

fn seconds(count: u64) -> prost_types::Duration {
    Duration::from_secs(count).try_into().expect("a short time")
}

fn grant_types(types: &[GrantType]) -> Client {
    Client { grant_types: types.iter().map(|kind| (*kind).into()).collect(), ..Client::default() }
}

#[tokio::test]
async fn a_way_to_get_tokens_that_is_taken_away_is_refused_at_the_next_issue_and_grants_live_on() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    let own = shop.issue(client_credentials()).await.expect("a token");
    change(&admin, "grant_types", grant_types(&[GrantType::RefreshToken])).await;
    for request in [by_password("alice"), client_credentials()] {
        let refused = shop.issue(request).await;
        assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    }
    assert!(shop.is_active(&own.access_token).await);
    shop.refresh(&login.refresh_token).await.expect("the login goes on");
    server.stop().await;
}

#[tokio::test]
async fn refreshing_that_is_taken_away_is_refused_at_the_next_refresh_and_consumes_nothing() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    change(&admin, "grant_types", grant_types(&[GrantType::Password])).await;
    let refused = shop.refresh(&login.refresh_token).await;
    assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    assert!(shop.is_active(&login.access_token).await, "until it expires");
    assert_eq!(shop.log_in().await.refresh_token, "");
    change(&admin, "grant_types", grant_types(&[GrantType::Password, GrantType::RefreshToken]))
        .await;
    shop.refresh(&login.refresh_token).await.expect("a pair");
    server.stop().await;
}

#[tokio::test]
async fn default_scopes_are_those_of_the_next_issue() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    change(&admin, "scopes", Client { scopes: texts(&["audit"]), ..Client::default() }).await;
    assert_eq!(shop.log_in().await.scopes, ["audit"]);
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    assert_eq!(next.scopes, ["read", "write"]);
    server.stop().await;
}

async fn take_scopes(admin: &Admin, left: &[&str]) {
    let client = Client {
        client_id: "shop".to_owned(),
        scopes: texts(left),
        allowed_scopes: texts(left),
        ..Client::default()
    };
    admin.update_client(client, &["scopes", "allowed_scopes"]).await.expect("changed");
}

#[tokio::test]
async fn a_scope_that_is_taken_away_is_gone_at_the_next_refresh() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    take_scopes(&admin, &["read"]).await;
    assert_eq!(shop.introspect(&login.access_token).await.scopes, ["read", "write"]);
    let refused = shop.refresh_to(&login.refresh_token, &["write"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_SCOPE");
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    assert_eq!(next.scopes, ["read"]);
    assert_eq!(shop.introspect(&next.access_token).await.scopes, ["read"]);
    let again = shop.refresh(&login.refresh_token).await.expect("a retry");
    assert_eq!((again.access_token, again.scopes), (next.access_token, next.scopes));
    // The access token before runs out by itself.
    assert_eq!(shop.introspect(&login.access_token).await.scopes, ["read", "write"]);
    // Given back, it is for logins to come.
    take_scopes(&admin, &["read", "write"]).await;
    let third = shop.refresh(&next.refresh_token).await.expect("a pair");
    assert_eq!(third.scopes, ["read"]);
    assert_eq!(shop.log_in().await.scopes, ["read", "write"]);
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_that_leaves_no_scope_is_refused_and_consumes_nothing() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    take_scopes(&admin, &["audit"]).await;
    let refused = shop.refresh(&login.refresh_token).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_SCOPE");
    take_scopes(&admin, &["write"]).await;
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    assert_eq!(next.scopes, ["write"]);
    server.stop().await;
}

#[tokio::test]
async fn a_service_that_is_taken_away_is_gone_from_the_audience_at_the_next_refresh() {
    let (server, admin, shop) = scene().await;
    let audience = |names| Client { audience: texts(names), ..Client::default() };
    change(&admin, "audience", audience(&["billing", "post"])).await;
    let login = shop.log_in().await;
    change(&admin, "audience", audience(&["post"])).await;
    assert_eq!(shop.introspect(&login.access_token).await.audience, ["billing", "post"]);
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    assert_eq!(shop.introspect(&next.access_token).await.audience, ["post"]);
    change(&admin, "audience", audience(&["billing"])).await;
    let refused = shop.refresh(&next.refresh_token).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_TARGET");
    let asked = IssueTokenRequest { audience: texts(&["post"]), ..client_credentials() };
    assert_refused(shop.issue(asked).await, Code::InvalidArgument, "INVALID_TARGET");
    server.stop().await;
}

#[tokio::test]
async fn lives_of_tokens_are_those_of_the_next_issue_or_refresh() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    let client = Client {
        client_id: "shop".to_owned(),
        access_token_ttl: Some(seconds(60)),
        refresh_token_ttl: Some(seconds(3_600)),
        ..Client::default()
    };
    let fields = ["access_token_ttl", "refresh_token_ttl"];
    admin.update_client(client, &fields).await.expect("changed");
    let before = shop.introspect(&login.access_token).await;
    assert_eq!(before.expire_time, login.expire_time);
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    assert!(next.expires_in <= 60, "{}", next.expires_in);
    let life = next.refresh_expire_time.expect("a time").seconds
        - next.expire_time.expect("a time").seconds;
    assert_eq!(life, 3_600 - 60);
    assert!(shop.log_in().await.expires_in <= 60);
    server.stop().await;
}

#[tokio::test]
async fn the_life_of_a_grant_is_that_of_its_issue() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    let client = Client {
        client_id: "shop".to_owned(),
        grant_ttl: Some(seconds(1_000)),
        ..Client::default()
    };
    admin.update_client(client, &["grant_ttl"]).await.expect("changed");
    let next = shop.refresh(&login.refresh_token).await.expect("a pair");
    let day = 24 * 60 * 60;
    let refresh_end = |time: Option<prost_types::Timestamp>| time.expect("a time").seconds;
    assert!(refresh_end(next.refresh_expire_time) >= refresh_end(login.refresh_expire_time));
    let short = shop.log_in().await;
    let end = refresh_end(short.refresh_expire_time);
    assert!(end < refresh_end(login.refresh_expire_time) - day, "no longer than its grant");
    server.stop().await;
}

#[tokio::test]
async fn a_limit_of_grants_holds_at_the_next_login() {
    let (server, admin, shop) = scene().await;
    let first = shop.log_in().await;
    let limit = Some(GrantLimit { max: 1, when_full: WhenFull::Refuse.into() });
    change(&admin, "grant_limit", Client { grant_limit: limit, ..Client::default() }).await;
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    assert!(shop.is_active(&first.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_limit_of_requests_holds_at_the_next_request() {
    let (server, admin, shop) = scene().await;
    let limit = Some(RequestLimit { per_second: 1, burst: 1 });
    change(&admin, "request_limit", Client { request_limit: limit, ..Client::default() }).await;
    let mut outcomes = Vec::new();
    for _ in 0..50 {
        outcomes.push(shop.introspect_all(&[]).await);
    }
    let limited = |status: &Status| status.code() == Code::ResourceExhausted;
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).any(limited));
    server.stop().await;
}

#[tokio::test]
async fn reach_is_that_of_the_moment() {
    let (server, admin, shop) = scene().await;
    let foreign = server.caller("rival").await.log_in().await.access_token;
    assert!(!shop.is_active(&foreign).await);
    for (reach, sees) in [(IntrospectReach::Any, true), (IntrospectReach::Own, false)] {
        let client = Client { introspect: reach.into(), ..Client::default() };
        change(&admin, "introspect", client).await;
        assert_eq!(shop.is_active(&foreign).await, sees);
    }
    server.stop().await;
}

async fn introspect_by_bearer(caller: &Caller, token: &str) -> Result<(), Status> {
    let message =
        jeton::proto::v1::IntrospectRequest { token: token.to_owned(), ..Default::default() };
    let mut request = Request::new(message);
    let header = format!("Bearer {token}").parse().expect("a header");
    request.metadata_mut().insert("authorization", header);
    caller.stub.clone().introspect(request).await.map(drop)
}

#[tokio::test]
async fn a_bearer_is_judged_by_what_its_client_may_now() {
    let (server, admin, shop) = scene().await;
    let admins = vec![Permission::Admin.into()];
    change(&admin, "permissions", Client { permissions: admins, ..Client::default() }).await;
    let token = shop.issue(for_jeton()).await.expect("a token").access_token;
    let listing = async || {
        let mut request = Request::new(jeton::proto::v1::ListClientsRequest::default());
        let header = format!("Bearer {token}").parse().expect("a header");
        request.metadata_mut().insert("authorization", header);
        admin.stub.clone().list_clients(request).await.map(drop)
    };
    listing().await.expect("an administrator");
    change(&admin, "permissions", Client::default()).await;
    assert_refused(listing().await, Code::PermissionDenied, "ACCESS_DENIED");
    introspect_by_bearer(&shop, &token).await.expect("a caller");
    for (field, without, with) in [
        (
            "audience",
            Client { audience: texts(&["billing"]), ..Client::default() },
            Client { audience: texts(&["billing", "jeton"]), ..Client::default() },
        ),
        (
            "grant_types",
            grant_types(&[GrantType::Password]),
            grant_types(&[GrantType::ClientCredentials]),
        ),
    ] {
        change(&admin, field, without).await;
        let refused = introspect_by_bearer(&shop, &token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
        change(&admin, field, with).await;
        introspect_by_bearer(&shop, &token).await.expect("a caller again");
    }
    server.stop().await;
}

#[tokio::test]
async fn attributes_are_those_of_the_moment() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    let attributes = [("team".to_owned(), "stock".to_owned())].into();
    change(&admin, "attributes", Client { attributes, ..Client::default() }).await;
    assert_eq!(shop.introspect(&login.access_token).await.attributes["team"], "stock");
    server.stop().await;
}

#[tokio::test]
async fn a_revocation_of_all_of_a_client_ends_what_there_is_and_nothing_later() {
    let (server, admin, shop) = scene().await;
    let login = shop.log_in().await;
    let request = RevokeGrantsRequest { client_id: "shop".to_owned(), ..Default::default() };
    admin.revoke_grants(request).await.expect("ended");
    assert!(!shop.is_active(&login.access_token).await);
    assert!(shop.is_active(&shop.log_in().await.access_token).await);
    server.stop().await;
}
