//! Introspection gives each caller exactly the facts that it may know, and the truth.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::{
    client::with_basic,
    domain::secret::Secret,
    proto::v1::{
        InactiveReason, IntrospectRequest, IntrospectResponse, IssueTokenRequest, TokenKind,
    },
};
use prost::Message as _;
use tonic::{Code, Request, Status};

use crate::common::{
    caller::{Caller, by_password, client_credentials, for_jeton},
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

/// Asks about `token` with `bearer` as the caller's credentials.
async fn ask_as_bearer(
    caller: &Caller,
    bearer: &str,
    token: &str,
) -> Result<IntrospectResponse, Status> {
    let message = IntrospectRequest { token: token.to_owned(), ..Default::default() };
    let mut request = Request::new(message);
    let header = format!("Bearer {bearer}").parse().expect("a header");
    request.metadata_mut().insert("authorization", header);
    Ok(caller.stub.clone().introspect(request).await?.into_inner())
}

fn meant_for(audience: &str) -> IssueTokenRequest {
    IssueTokenRequest { audience: vec![audience.to_owned()], ..by_password("alice") }
}

#[tokio::test]
async fn an_active_access_token_says_who_what_and_until_when() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let answer = shop.introspect(&first.access_token).await;
    assert!(answer.active);
    assert_eq!(answer.kind(), TokenKind::Access);
    assert_eq!((answer.client_id.as_str(), answer.username.as_str()), ("shop", "alice"));
    assert!(answer.subject.starts_with("usr_") && !answer.subject.contains("alice"));
    assert_eq!(answer.scopes, ["read", "write"]);
    assert_eq!(answer.audience, ["billing"]);
    assert_eq!(answer.expire_time, first.expire_time);
    assert_eq!(answer.grant_id, first.grant_id);
    assert_eq!(answer.inactive_reason(), InactiveReason::Unspecified);
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_client_credentials_speaks_for_the_client_and_for_no_user() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    let answer = shop.introspect(&issued.access_token).await;
    assert_eq!((answer.subject.as_str(), answer.username.as_str()), ("shop", ""));
    assert_eq!(answer.attributes.into_iter().collect::<Vec<_>>(), [pair("team", "payments")]);
    server.stop().await;
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn attributes_are_the_clients_and_the_users_and_the_users_stand() {
    let attributes = r#"{ team = "payments", email = "shop@example.com" }"#;
    let settings = Settings::standard().declare("shop", "attributes", attributes);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let answer = shop.introspect(&first.access_token).await;
    let expected = [pair("team", "payments"), pair("email", "alice@example.com")];
    assert_eq!(answer.attributes, expected.into());
    server.stop().await;
}

#[tokio::test]
async fn attributes_come_whole_however_long_they_are() {
    let (name, value) = ("n".repeat(64), "ü".repeat(256));
    let attributes = format!(r#"{{ short = "s", empty = "", {name} = "{value}" }}"#);
    let settings = Settings::standard().declare("shop", "attributes", &attributes);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let expected = [pair("short", "s"), pair("empty", ""), (name, value)];
    assert_eq!(shop.introspect(&token).await.attributes, expected.into());
    // The lengths of a batch's results take more than one byte.
    let tokens: Vec<_> = std::iter::repeat_n(token.as_str(), 3).collect();
    let results = shop.introspect_all(&tokens).await.expect("results");
    assert!(results.len() == 3 && results.iter().all(|result| result.attributes.len() == 3));
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_token_is_active_only_to_its_own_client_asking_for_one() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let first = shop.log_in().await;
    let answer = shop.introspect_as(&first.refresh_token, TokenKind::Refresh).await;
    assert!(answer.active);
    assert_eq!(answer.kind(), TokenKind::Refresh);
    assert_eq!(answer.expire_time, first.refresh_expire_time);
    for kind in [TokenKind::Unspecified, TokenKind::Access] {
        assert!(!shop.introspect_as(&first.refresh_token, kind).await.active);
    }
    let foreign = gateway.introspect_as(&first.refresh_token, TokenKind::Refresh).await;
    assert!(!foreign.active);
    assert_eq!(foreign.inactive_reason(), InactiveReason::NotVisible);
    assert!(!shop.introspect_as(&first.access_token, TokenKind::Refresh).await.active);
    server.stop().await;
}

#[tokio::test]
async fn each_caller_sees_its_own_tokens_those_meant_for_it_or_any_as_it_is_registered() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let for_billing = shop.issue(meant_for("billing")).await.expect("a token").access_token;
    let for_jeton = shop.issue(meant_for("jeton")).await.expect("a token").access_token;
    for (caller, sees) in [
        ("shop", [true, true]),
        ("rival", [false, false]),
        ("billing", [true, false]),
        ("gateway", [true, true]),
    ] {
        let caller = server.caller(caller).await;
        let seen = [caller.is_active(&for_billing).await, caller.is_active(&for_jeton).await];
        assert_eq!(seen, sees, "{}", caller.id);
        let own = caller.issue(client_credentials()).await.expect("a token").access_token;
        assert!(caller.is_active(&own).await, "{}", caller.id);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_third_clients_answer_is_byte_for_byte_that_for_a_token_that_never_was() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let first = shop.log_in().await;
    let never = rival.introspect("jat_never").await.encode_to_vec();
    assert_eq!(never, IntrospectResponse::default().encode_to_vec());
    for token in [&first.access_token, &first.refresh_token] {
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            assert_eq!(rival.introspect_as(token, kind).await.encode_to_vec(), never);
        }
    }
    shop.revoke(&first.access_token).await.expect("revoked");
    assert_eq!(rival.introspect(&first.access_token).await.encode_to_vec(), never);
    assert_eq!(shop.introspect(&first.access_token).await.encode_to_vec(), never);
    server.stop().await;
}

#[tokio::test]
async fn the_reason_is_told_to_callers_with_the_permission_and_to_nobody_else() {
    let strict = Settings::standard().set("tokens", "retry_window", "0s");
    let server = Server::start(&strict.set("tokens", "access_overlap", "0s")).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let revoked = shop.log_in().await;
    shop.revoke(&revoked.access_token).await.expect("revoked");
    let superseded = shop.log_in().await;
    shop.refresh(&superseded.refresh_token).await.expect("a pair");
    let replayed = shop.log_in().await;
    shop.refresh(&replayed.refresh_token).await.expect("a pair");
    shop.refresh(&replayed.refresh_token).await.expect_err("a replay");
    let own = gateway.log_in().await;
    for (token, reason) in [
        ("garbage", InactiveReason::Unknown),
        (&revoked.access_token, InactiveReason::Revoked),
        (&superseded.access_token, InactiveReason::Superseded),
        (&replayed.access_token, InactiveReason::Replayed),
        (&revoked.refresh_token, InactiveReason::NotVisible),
        (&own.refresh_token, InactiveReason::WrongKind),
    ] {
        let told = gateway.introspect(token).await;
        let all = IntrospectResponse { inactive_reason: reason.into(), ..Default::default() };
        assert_eq!(told, all);
        assert_eq!(shop.introspect(token).await, IntrospectResponse::default(), "{reason:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn cache_ttl_is_a_minute_and_never_past_the_tokens_expiry() {
    let settings = Settings::standard().declare("rival", "access_token_ttl", r#""2s""#);
    let server = Server::start(&settings).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let long = shop.log_in().await.access_token;
    let kept = shop.introspect(&long).await.cache_ttl.expect("a cache_ttl");
    assert_eq!((kept.seconds, kept.nanos), (60, 0));
    let short = rival.log_in().await.access_token;
    until("the token to expire", async || {
        let answer = rival.introspect(&short).await;
        let Some(kept) = answer.cache_ttl else { return !answer.active };
        // The whole life is two seconds; what is left of it is less.
        assert!(kept.seconds < 2 || (kept.seconds, kept.nanos) == (2, 0), "{kept:?}");
        false
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_bearer_is_a_caller_only_with_an_access_token_that_its_client_got_for_jeton() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let of_user = shop.log_in().await;
    let asked = of_user.access_token;
    let good = shop.issue(for_jeton()).await.expect("a token");
    let elsewhere = shop.issue(client_credentials()).await.expect("a token");
    let answer = ask_as_bearer(&shop, &good.access_token, &asked).await.expect("an answer");
    assert!(answer.active);
    for bearer in [&elsewhere.access_token, &of_user.refresh_token, "garbage", "jat_"] {
        let refused = ask_as_bearer(&shop, bearer, &asked).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
    }
    shop.revoke(&good.access_token).await.expect("revoked");
    let refused = ask_as_bearer(&shop, &good.access_token, &asked).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
    server.stop().await;
}

#[tokio::test]
async fn a_users_token_is_nobodys_reach_whatever_its_client_may() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let foreign = shop.log_in().await.access_token;
    let of_user = gateway.issue(meant_for("jeton")).await.expect("a token").access_token;
    for asked in [&foreign, &of_user] {
        let refused = ask_as_bearer(&gateway, &of_user, asked).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
    }
    server.stop().await;
}

#[tokio::test]
async fn jeton_is_in_an_audience_only_when_it_is_asked_for() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for request in [by_password("alice"), client_credentials()] {
        let issued = shop.issue(request).await.expect("a token");
        assert_eq!(shop.introspect(&issued.access_token).await.audience, ["billing"]);
    }
    let issued = shop.issue(for_jeton()).await.expect("a token");
    assert_eq!(shop.introspect(&issued.access_token).await.audience, ["jeton"]);
    server.stop().await;
}

#[tokio::test]
async fn a_bearer_sees_what_its_client_may_see() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let foreign = shop.log_in().await.access_token;
    let bearer = rival.issue(for_jeton()).await.expect("a token").access_token;
    let answer = ask_as_bearer(&rival, &bearer, &foreign).await.expect("an answer");
    assert_eq!(answer, IntrospectResponse::default());
    let own = ask_as_bearer(&rival, &bearer, &bearer).await.expect("an answer");
    assert!(own.active);
    server.stop().await;
}

#[tokio::test]
async fn nobody_introspects_without_credentials_nor_with_a_name_alone() {
    let server = Server::start(&Settings::standard()).await;
    let app = server.caller("app").await;
    let token = app.log_in().await.access_token;
    let message = || IntrospectRequest { token: token.clone(), ..Default::default() };
    let basic = |id, secret| with_basic(message(), id, &Secret::new(secret));
    for request in [
        Request::new(message()),
        basic("app", ""),
        basic("app", "app-secret"),
        basic("shop", ""),
        basic("shop", "shop-secret "),
        basic("nobody", "shop-secret"),
    ] {
        let refused = app.stub.clone().introspect(request).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_a_bad_token_spoils_no_other() {
    let extra = Table::confidential("market").text("introspect", "any");
    let server = Server::start(&Settings::standard().and(extra)).await;
    let (shop, market) = (server.caller("shop").await, server.caller("market").await);
    let (one, two) = (shop.log_in().await, shop.issue(by_password("bob")).await.expect("a grant"));
    shop.revoke(&shop.log_in().await.access_token).await.expect("revoked");
    let tokens = [&two.access_token, "", &one.refresh_token, "garbage", &one.access_token];
    let tokens = [&tokens[..], &[&two.access_token]].concat();
    let results = market.introspect_all(&tokens).await.expect("results");
    let users: Vec<_> = results.iter().map(|result| result.username.as_str()).collect();
    assert_eq!(users, ["bob", "", "", "", "alice", "bob"]);
    // Alone, an empty one would be a missing one; in a batch it spoils nothing.
    for (result, token) in results.iter().zip(&tokens).filter(|(_, token)| !token.is_empty()) {
        let mut alone = market.introspect(token).await;
        // The fields that depend on the time of the call: the feed moves on by itself, by a note of
        // a last use.
        alone.cache_ttl = result.cache_ttl;
        alone.feed_position = result.feed_position;
        assert_eq!(*result, alone);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_takes_a_thousand_tokens_and_no_more() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let token = shop.log_in().await.access_token;
    assert_eq!(shop.introspect_all(&[]).await.expect("no results"), []);
    let full = shop.introspect_all(&[token.as_str(); 1_000]).await.expect("results");
    assert!(full.len() == 1_000 && full.iter().all(|result| result.active));
    let refused = shop.introspect_all(&[token.as_str(); 1_001]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}
