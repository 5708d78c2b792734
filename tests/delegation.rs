//! One service calls the next for a user (RFC 8693): whatever ends a login leaves nothing alive of what came of
//! it, and every service that may keep an answer about it hears of it.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{convert::Infallible, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, header::AUTHORIZATION};
use jeton::{
    client::{
        Basic, Credentials, Exchanger, NotExchanged, Refusal, TokenClient, Validator,
        layer::{ExchangeToken, ShownToken},
        validator::Options,
    },
    domain::secret::Secret,
    proto::v1::{
        self, Client, GrantType, InactiveReason, IssueTokenRequest, IssueTokenResponse,
        ListGrantsRequest, RevokeGrantRequest, RevokeGrantsRequest, SetUserPasswordRequest,
        TokenExchangeGrant, issue_token_request::Grant,
    },
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tonic::Code;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    http::post,
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
    wait::{rounds, until},
};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// `shop` logs people in and calls `orders`, which calls `billing`, which calls `ledger`.
fn settings() -> Settings {
    let service = |id: &'static str, next: &str| {
        Table::confidential(id)
            .toml("grants", r#"["token_exchange", "client_credentials"]"#)
            .toml("audience", &format!("[{id:?}]"))
            .toml("may_exchange_to", &format!("[{next:?}, \"{next}-2\"]"))
            .text("introspect", "audience")
    };
    with_admin()
        .without("billing")
        .declare("shop", "audience", r#"["orders"]"#)
        .and(service("orders", "billing"))
        .and(service("billing", "ledger"))
        .and(service("ledger", "fifth"))
        .and(service("fifth", "sixth"))
        .and(service("sixth", "seventh"))
}

fn exchange(subject_token: &str) -> IssueTokenRequest {
    let shown =
        TokenExchangeGrant { subject_token: subject_token.to_owned(), ..Default::default() };
    IssueTokenRequest { grant: Some(Grant::TokenExchange(shown)), ..Default::default() }
}

fn exchange_for(subject_token: &str, audience: &str) -> IssueTokenRequest {
    IssueTokenRequest { audience: vec![audience.to_owned()], ..exchange(subject_token) }
}

async fn client(server: &Server, id: &str) -> TokenClient {
    let basic = Basic::new(id, &Secret::new(format!("{id}-secret")));
    TokenClient::new(server.connect().await, Credentials::Basic(basic))
}

/// A login, what `orders` calls `billing` with, and what `billing` calls `ledger` with.
struct Chain {
    login: IssueTokenResponse,
    second: IssueTokenResponse,
    third: IssueTokenResponse,
}

impl Chain {
    async fn make(server: &Server) -> Self {
        let login = server.caller("shop").await.log_in().await;
        let orders = server.caller("orders").await;
        let second = orders.issue(exchange_for(&login.access_token, "billing")).await;
        let second = second.expect("exchanged");
        let billing = server.caller("billing").await;
        let third = billing.issue(exchange_for(&second.access_token, "ledger")).await;
        Self { login, second, third: third.expect("exchanged twice") }
    }

    async fn assert_dead(&self, gateway: &Caller, whole: bool) {
        for exchanged in [&self.second, &self.third] {
            assert!(!gateway.is_active(&exchanged.access_token).await, "it outlives the login");
        }
        let tokens = [&self.second.access_token, &self.third.access_token].map(String::as_str);
        let together = gateway.introspect_all(&tokens).await.expect("answers");
        assert!(together.iter().all(|answer| !answer.active), "together as alone");
        assert_eq!(whole, !gateway.is_active(&self.login.access_token).await);
    }
}

#[tokio::test]
async fn a_token_is_exchanged_for_one_with_less_power_that_names_who_acts() {
    let server = Server::start(&settings()).await;
    let chain = Chain::make(&server).await;
    let Chain { login, second, third } = &chain;
    assert_eq!(second.issued_token_type, ACCESS_TOKEN);
    assert!(second.refresh_token.is_empty() && login.issued_token_type.is_empty());
    assert!(second.expires_in <= login.expires_in && third.expires_in <= second.expires_in);

    let ledger = server.caller("ledger").await;
    let found = ledger.introspect(&third.access_token).await;
    assert!(found.active);
    assert_eq!((found.client_id.as_str(), found.username.as_str()), ("billing", "alice"));
    assert_eq!(
        (&found.audience, &found.actors),
        (&vec!["ledger".into()], &vec!["billing".into(), "orders".into()])
    );
    let ancestors: Vec<_> =
        found.ancestors.iter().map(|one| (&*one.grant_id, &*one.client_id)).collect();
    assert_eq!(ancestors, [(&*second.grant_id, "orders"), (&*login.grant_id, "shop")]);
    assert_eq!(found.scopes, ["read", "write"]);

    let orders = server.caller("orders").await;
    let narrow = IssueTokenRequest {
        scopes: vec!["read".into()],
        ttl: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..exchange_for(&login.access_token, "billing")
    };
    let narrow = orders.issue(narrow).await.expect("narrower");
    assert_eq!(narrow.scopes, ["read"]);
    assert!((59..=60).contains(&narrow.expires_in));
    let both = orders.issue(exchange(&login.access_token)).await.expect("all that it may");
    assert_eq!(orders.introspect(&both.access_token).await.audience, ["billing", "billing-2"]);
    server.stop().await;
}

#[tokio::test]
async fn every_exchange_that_is_not_allowed_is_refused() {
    let settings = settings().declare("app", "audience", r#"["orders"]"#);
    let settings = settings.declare("app", "may_act", r#"["billing"]"#);
    let server = Server::start(&settings).await;
    let login = server.caller("shop").await.log_in().await;
    let (orders, billing) = (server.caller("orders").await, server.caller("billing").await);
    let good = &login.access_token;
    let refused = async |caller: &Caller, request, reason: &str| {
        let code = if reason == "UNAUTHORIZED_CLIENT" {
            Code::PermissionDenied
        } else {
            Code::InvalidArgument
        };
        assert_refused(caller.issue(request).await, code, reason);
    };
    refused(&billing, exchange(good), "INVALID_REQUEST").await;
    refused(&server.caller("shop").await, exchange(good), "UNAUTHORIZED_CLIENT").await;
    refused(&orders, exchange_for(good, "ledger"), "INVALID_TARGET").await;
    refused(&orders, exchange_for(good, "jeton"), "INVALID_TARGET").await;
    let scopes = |scope: &str| IssueTokenRequest { scopes: vec![scope.into()], ..exchange(good) };
    refused(&orders, scopes("audit"), "INVALID_SCOPE").await;
    for token in ["", "jat_x", "nothing", login.refresh_token.as_str()] {
        refused(&orders, exchange(token), "INVALID_REQUEST").await;
    }
    let own = orders.issue(client_credentials()).await.expect("its own");
    refused(&orders, exchange(&own.access_token), "INVALID_REQUEST").await;
    let not_let = server.caller("app").await.log_in().await;
    refused(&orders, exchange(&not_let.access_token), "INVALID_REQUEST").await;

    let shown = |change: fn(&mut TokenExchangeGrant)| {
        let mut shown =
            TokenExchangeGrant { subject_token: good.clone(), ..TokenExchangeGrant::default() };
        change(&mut shown);
        IssueTokenRequest { grant: Some(Grant::TokenExchange(shown)), ..Default::default() }
    };
    let saml = |shown: &mut TokenExchangeGrant| {
        shown.subject_token_type = "urn:ietf:params:oauth:token-type:saml2".into();
    };
    refused(&orders, shown(saml), "INVALID_REQUEST").await;
    refused(&orders, shown(|shown| shown.requested_token_type = "other".into()), "INVALID_REQUEST")
        .await;
    refused(
        &orders,
        shown(|shown| shown.actor_token_type = ACCESS_TOKEN.into()),
        "INVALID_REQUEST",
    )
    .await;
    refused(&orders, shown(|shown| shown.actor_token = "jat_other".into()), "INVALID_REQUEST")
        .await;
    let Some(Grant::TokenExchange(mut acting)) = exchange(good).grant else { unreachable!() };
    acting.actor_token = own.access_token;
    let grant = Some(Grant::TokenExchange(acting));
    orders
        .issue(IssueTokenRequest { grant, ..Default::default() })
        .await
        .expect("by its own token");
    server.caller("shop").await.revoke(good).await.expect("revoked");
    refused(&orders, exchange(good), "INVALID_REQUEST").await;
    server.stop().await;
}

#[tokio::test]
async fn a_chain_has_at_most_four_exchanges() {
    let server = Server::start(&settings()).await;
    let mut token = server.caller("shop").await.log_in().await.access_token;
    for id in ["orders", "billing", "ledger", "fifth"] {
        let caller = server.caller(id).await;
        let audience = match id {
            "orders" => "billing",
            "billing" => "ledger",
            "ledger" => "fifth",
            _ => "sixth",
        };
        token = caller.issue(exchange_for(&token, audience)).await.expect(id).access_token;
    }
    let sixth = server.caller("sixth").await;
    let found = sixth.introspect(&token).await;
    assert_eq!(found.actors, ["fifth", "ledger", "billing", "orders"]);
    let refused = sixth.issue(exchange(&token)).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn whatever_ends_a_login_ends_what_came_of_it_also_after_a_restart() {
    let server = Server::start(&settings()).await;
    let gateway = server.caller("gateway").await;
    let shop = server.caller("shop").await;
    let admin = Admin::of(&server).await;

    let chain = Chain::make(&server).await;
    shop.revoke(&chain.login.refresh_token).await.expect("revoked");
    chain.assert_dead(&gateway, true).await;
    assert_eq!(gateway.reason(&chain.third.access_token).await, InactiveReason::AncestorEnded);
    let revoked = chain;

    let chain = Chain::make(&server).await;
    server.caller("orders").await.revoke(&chain.second.access_token).await.expect("revoked");
    chain.assert_dead(&gateway, false).await;

    let chain = Chain::make(&server).await;
    let once = shop.refresh(&chain.login.refresh_token).await.expect("a pair");
    assert!(gateway.is_active(&chain.third.access_token).await, "a refresh ends nothing");
    shop.refresh(&once.refresh_token).await.expect("a pair");
    shop.refresh(&chain.login.refresh_token).await.expect_err("a replay");
    chain.assert_dead(&gateway, true).await;

    let chain = Chain::make(&server).await;
    let user_id = gateway.introspect(&chain.third.access_token).await.subject;
    let all = RevokeGrantsRequest { subject: user_id.clone(), ..Default::default() };
    admin.revoke_grants(all).await.expect("ended");
    chain.assert_dead(&gateway, true).await;

    for client_id in ["shop", "orders"] {
        let chain = Chain::make(&server).await;
        let all = RevokeGrantsRequest { client_id: client_id.into(), ..Default::default() };
        admin.revoke_grants(all).await.expect("ended");
        chain.assert_dead(&gateway, client_id == "shop").await;
    }

    let chain = Chain::make(&server).await;
    let request = RevokeGrantRequest { grant_id: chain.second.grant_id.clone() };
    admin.stub.clone().revoke_grant(admin.signed(request)).await.expect("ended");
    chain.assert_dead(&gateway, false).await;

    let alive = Chain::make(&server).await;
    let home = server.kill().await;
    let server = Server::start_at(home, &settings()).await;
    let gateway = server.caller("gateway").await;
    assert!(gateway.is_active(&alive.third.access_token).await);
    revoked.assert_dead(&gateway, true).await;
    let admin = Admin::of(&server).await;
    let password = SetUserPasswordRequest {
        user_id,
        password: "kx7vqzmw2nfd9tr-rules".into(),
        ..Default::default()
    };
    admin.stub.clone().set_user_password(admin.signed(password)).await.expect("a new password");
    alive.assert_dead(&gateway, true).await;
    server.stop().await;
}

#[tokio::test]
async fn a_service_that_answers_from_memory_hears_of_every_end_of_a_login() {
    let server = Server::start(&settings()).await;
    let options = Options { max_staleness: Duration::from_secs(2), ..Options::default() };
    let ledger = Validator::start(client(&server, "ledger").await, options);
    until("the feed is followed", async || ledger.staleness().is_some()).await;
    let admin = Admin::of(&server).await;
    for end in 0..4 {
        let chain = Chain::make(&server).await;
        let token = chain.third.access_token.as_str();
        let claims = ledger.validate(token).await.expect("it is good");
        assert_eq!(claims.actors, ["billing", "orders"]);
        assert!(ledger.recall(token).is_some(), "it is remembered");
        match end {
            0 => server.caller("shop").await.revoke(&chain.login.access_token).await.expect("done"),
            1 => server
                .caller("orders")
                .await
                .revoke(&chain.second.access_token)
                .await
                .expect("done"),
            _ => {
                let (subject, client_id) =
                    if end == 2 { (claims.subject.clone(), "") } else { (String::new(), "shop") };
                let client_id = client_id.into();
                let all = RevokeGrantsRequest { subject, client_id, dry_run: false };
                admin.revoke_grants(all).await.expect("done");
            }
        }
        let forgotten = async || !matches!(ledger.recall(token), Some(Ok(_)));
        until("the answer is forgotten", forgotten).await;
        assert!(matches!(ledger.validate(token).await, Err(Refusal::Inactive)));
    }
    server.stop().await;
}

/// A login and what came of it while its revocation was on the way, which sets off after so many exchanges.
async fn race(server: &Server, before: usize) -> Vec<String> {
    let (shop, orders) = (server.caller("shop").await, server.caller("orders").await);
    let billing = server.caller("billing").await;
    let login = shop.log_in().await;
    let start = Notify::new();
    let exchanging = async {
        let mut tokens = Vec::new();
        while tokens.len() < before + 4 {
            if tokens.len() >= before {
                start.notify_one();
            }
            let second = orders.issue(exchange_for(&login.access_token, "billing")).await;
            let Ok(second) = second else { break };
            let third = billing.issue(exchange_for(&second.access_token, "ledger")).await;
            tokens.push(second.access_token);
            tokens.extend(third.ok().map(|third| third.access_token));
        }
        start.notify_one();
        tokens
    };
    let revoking = async {
        start.notified().await;
        shop.revoke(&login.refresh_token).await
    };
    let (tokens, revoked) = tokio::join!(exchanging, revoking);
    revoked.expect("revoked");
    tokens
}

#[tokio::test]
async fn of_exchanges_that_race_a_revocation_nothing_survives_also_if_the_server_is_killed() {
    let mut server = Server::start(&settings()).await;
    let (mut issued, mut survivors) = (0, 0);
    for round in 0..rounds() {
        let tokens = race(&server, round % 4).await;
        if round % 25 == 24 {
            // The revocation was acknowledged: it must be on the disk.
            let home = server.kill().await;
            server = Server::start_at(home, &settings()).await;
        }
        let gateway = server.caller("gateway").await;
        issued += tokens.len();
        for token in tokens {
            survivors += usize::from(gateway.is_active(&token).await);
        }
    }
    println!("{} rounds, {issued} tokens of exchanges, {survivors} survivors", rounds());
    assert_eq!(survivors, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_signed_token_of_an_exchange_names_the_session_of_the_login_and_who_acts() {
    let settings = settings().set("http", "issuer", "https://tokens.example");
    let server =
        Server::start(&settings.declare("billing", "access_token_format", r#""jwt""#)).await;
    let login = server.caller("shop").await.log_in().await;
    let orders = server.caller("orders").await;
    let second = orders.issue(exchange_for(&login.access_token, "billing")).await;
    let billing = server.caller("billing").await;
    let second = second.expect("exchanged").access_token;
    let third = billing.issue(exchange_for(&second, "ledger")).await.expect("exchanged twice");
    let payload = third.access_token.split('.').nth(1).expect("a signed token");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("claims");
    assert_eq!((&claims["sid"], &claims["aud"]), (&json!(login.grant_id), &json!("ledger")));
    assert_eq!(claims["act"], json!({ "sub": "billing", "act": { "sub": "orders" } }));
    assert_eq!(claims["jeton"]["grant"], json!(third.grant_id));
    let ledger = server.caller("ledger").await;
    assert_eq!(ledger.introspect(&third.access_token).await.grant_id, third.grant_id);
    server.caller("shop").await.revoke(&login.access_token).await.expect("revoked");
    assert!(!ledger.is_active(&third.access_token).await);
    server.stop().await;
}

/// Answers with the authorization that it was sent.
async fn authorization(request: Request<()>) -> Result<String, Infallible> {
    let header = request.headers().get("authorization");
    Ok(header.map_or("", |value| value.to_str().expect("text")).to_owned())
}

#[tokio::test]
async fn a_layer_exchanges_the_token_of_the_call_that_came_in_until_the_logout() {
    let server = Server::start(&settings()).await;
    let login = server.caller("shop").await.log_in().await;
    let orders = client(&server, "orders").await;
    let validator = Validator::start(orders.clone(), Options::default());
    until("the feed is followed", async || validator.staleness().is_some()).await;
    let exchanger = Exchanger::new(orders.clone(), validator.clone(), "billing").scopes(["read"]);
    let layer = ExchangeToken::new(exchanger);
    let call = async |token: &str| {
        let incoming = format!("Bearer {token}").parse().expect("a header");
        let incoming = HeaderMap::from_iter([(AUTHORIZATION, incoming)]);
        let mut request = Request::new(());
        request.extensions_mut().insert(ShownToken::of(&incoming).expect("a token"));
        layer.layer(service_fn(authorization)).oneshot(request).await
    };
    let sent = call(&login.access_token).await.expect("a call");
    let token = sent.strip_prefix("Bearer ").expect("a token").to_owned();
    let billing = server.caller("billing").await;
    let found = billing.introspect(&token).await;
    assert_eq!((found.actors, found.scopes), (vec!["orders".to_owned()], vec!["read".to_owned()]));
    assert_eq!(call(&login.access_token).await.expect("a call"), sent, "it is kept");

    let once = orders.exchange(&login.access_token, vec!["billing".into()], vec![]).await;
    assert_eq!(once.expect("exchanged").issued_token_type, ACCESS_TOKEN);
    let without = layer.layer(service_fn(authorization)).oneshot(Request::new(())).await;
    let error = without.expect_err("no token").downcast::<NotExchanged>().expect("its error");
    assert!(matches!(*error, NotExchanged::NoToken));

    server.caller("shop").await.revoke(&login.access_token).await.expect("a logout");
    let forgotten = async || !matches!(validator.recall(&login.access_token), Some(Ok(_)));
    until("the logout is known", forgotten).await;
    let error = call(&login.access_token).await.expect_err("logged out");
    let error = error.downcast::<NotExchanged>().expect("its error");
    assert!(matches!(*error, NotExchanged::Refused(Refusal::Inactive)));
    server.stop().await;
}

#[tokio::test]
async fn calls_of_services_end_no_login_and_are_bounded_by_themselves() {
    let settings = settings().declare("orders", "max_grants", "3");
    let server = Server::start(&settings).await;
    let (login, orders) =
        (server.caller("shop").await.log_in().await, server.caller("orders").await);
    let mut tokens = Vec::new();
    for _ in 0..5 {
        let issued = orders.issue(exchange_for(&login.access_token, "billing")).await;
        tokens.push(issued.expect("exchanged").access_token);
    }
    let gateway = server.caller("gateway").await;
    let mut alive = 0;
    for token in &tokens {
        alive += usize::from(gateway.is_active(token).await);
    }
    assert_eq!(alive, 3, "the oldest are ended");
    assert!(gateway.is_active(&login.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn rights_to_exchange_are_those_of_the_moment() {
    let server = Server::start(&settings()).await;
    let login = server.caller("shop").await.log_in().await;
    let orders = server.caller("orders").await;
    let before = orders.issue(exchange_for(&login.access_token, "billing")).await.expect("allowed");
    let admin = Admin::of(&server).await;
    let client = |client_id: &str, may_exchange_to: &str, may_act: &str| Client {
        client_id: client_id.into(),
        may_exchange_to: vec![may_exchange_to.into()],
        may_act: vec![may_act.into()],
        ..Client::default()
    };
    let changed = client("orders", "ledger", "");
    let changed = admin.update_client(changed, &["may_exchange_to"]).await.expect("changed");
    assert_eq!(changed.may_exchange_to, ["ledger"]);
    let refused = orders.issue(exchange_for(&login.access_token, "billing")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_TARGET");
    orders.issue(exchange_for(&login.access_token, "ledger")).await.expect("allowed now");
    admin.update_client(client("shop", "x", "billing"), &["may_act"]).await.expect("changed");
    let refused = orders.issue(exchange_for(&login.access_token, "ledger")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    assert!(orders.is_active(&before.access_token).await, "it lives on");
    let to_jeton = client("orders", "jeton", "");
    let refused = admin.update_client(to_jeton, &["may_exchange_to"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn an_exchange_that_is_repeated_makes_one_grant() {
    let server = Server::start(&settings()).await;
    let (shop, orders) = (server.caller("shop").await, server.caller("orders").await);
    let (login, other) = (shop.log_in().await, shop.log_in().await);
    let repeatable = |token: &str| {
        let request_id = "call-1".to_owned();
        IssueTokenRequest { request_id, ..exchange_for(token, "billing") }
    };
    let first = orders.issue(repeatable(&login.access_token)).await.expect("exchanged");
    let again = orders.issue(repeatable(&login.access_token)).await.expect("repeated");
    assert_eq!(first.grant_id, again.grant_id);
    assert_ne!(first.access_token, again.access_token);
    let refused = orders.issue(repeatable(&other.access_token)).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn http_exchanges_as_the_rfc_has_it() {
    let server = Server::start(&settings().set("http", "issuer", "https://tokens.example")).await;
    let login = server.caller("shop").await.issue(by_password("alice")).await.expect("a login");
    let form = |extra: &[(&'static str, &str)]| {
        let mut form = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("client_id", "orders"),
            ("client_secret", "orders-secret"),
        ];
        form.extend(extra);
        form.into_iter().map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
    };
    let ask = async |path: &str, form: Vec<(&str, String)>| -> (u16, Value) {
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&server, path, &form).await
    };
    let token = login.access_token.as_str();
    let subject = [("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    let (status, answer) = ask(
        "/oauth/token",
        form(&[&subject[..], &[("resource", "billing"), ("scope", "read")]].concat()),
    )
    .await;
    assert_eq!((status, &answer["issued_token_type"]), (200, &json!(ACCESS_TOKEN)), "{answer}");
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("read")));
    assert!(answer.get("refresh_token").is_none());
    let exchanged = answer["access_token"].as_str().expect("a token").to_owned();
    let asked = vec![
        ("token", exchanged),
        ("client_id", "gateway".to_owned()),
        ("client_secret", "gateway-secret".to_owned()),
    ];
    let (_, found) = ask("/oauth/introspect", asked).await;
    assert_eq!((&found["active"], &found["act"]), (&json!(true), &json!({ "sub": "orders" })));
    assert_eq!(found["aud"], "billing");

    for (extra, error) in [
        (&[("subject_token", token)][..], "invalid_request"),
        (&[("subject_token_type", ACCESS_TOKEN)], "invalid_request"),
        (&[("subject_token", "x"), ("subject_token_type", ACCESS_TOKEN)], "invalid_request"),
        (&[subject[0], subject[1], ("audience", "ledger")], "invalid_target"),
        (&[subject[0], subject[1], ("scope", "audit")], "invalid_scope"),
        (&[subject[0], subject[1], ("actor_token", "x")], "invalid_request"),
    ] {
        let (status, answer) = ask("/oauth/token", form(extra)).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{extra:?}");
    }
    server.stop().await;
}

/// Lists grants as an administrator.
async fn listed(admin: &Admin, list: ListGrantsRequest) -> Vec<v1::Grant> {
    let page = admin.stub.clone().list_grants(admin.signed(list)).await.expect("a page");
    page.into_inner().grants
}

#[tokio::test]
async fn an_administrator_sees_what_came_of_what() {
    let server = Server::start(&settings()).await;
    let chain = Chain::make(&server).await;
    let admin = Admin::of(&server).await;
    let subject =
        server.caller("gateway").await.introspect(&chain.third.access_token).await.subject;
    let list = ListGrantsRequest { subject, page_size: 10, ..Default::default() };
    let grants = listed(&admin, list).await;
    let third = grants.iter().find(|grant| grant.grant_id == chain.third.grant_id).expect("listed");
    assert_eq!(third.actors, ["billing", "orders"]);
    assert_eq!(third.ancestors[0].grant_id, chain.second.grant_id);
    assert!(grants.iter().all(|grant| grant.active) && grants.len() == 3);
    server.caller("shop").await.revoke(&chain.login.access_token).await.expect("revoked");
    let list = ListGrantsRequest { client_id: "billing".into(), ..Default::default() };
    let grants = listed(&admin, list).await;
    assert!(grants.iter().all(|grant| grant.inactive_reason() == InactiveReason::AncestorEnded));
    assert_eq!(GrantType::TokenExchange as i32, 5);
    server.stop().await;
}
