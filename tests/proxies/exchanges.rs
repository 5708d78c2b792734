//! An agent exchanges the token that the service beside it was called with for one to call the next service with.

use jeton::{
    client::{Basic, Credentials, TokenClient},
    domain::secret::Secret,
    proto::v1::{
        IssueTokenRequest, RevokeGrantRequest, TokenExchangeGrant, issue_token_request::Grant,
        token_service_client::TokenServiceClient,
    },
};
use serde_json::{Value, json};
use tonic::{Code, Request, transport::Channel};

use super::own_tokens::issue;
use crate::common::{
    admin::{Admin, with_admin},
    agent::Agent,
    caller::client_credentials,
    http::post_to,
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// `shop` logs people in and calls `orders`, whose agent exchanges tokens for `billing`.
fn settings() -> Settings {
    let orders = Table::confidential("orders")
        .toml("grants", r#"["token_exchange", "client_credentials"]"#)
        .toml("audience", r#"["orders", "jeton"]"#)
        .toml("allowed_scopes", r#"["read", "write"]"#)
        .toml("may_exchange_to", r#"["billing", "ledger", "stock"]"#)
        .text("introspect", "audience");
    with_admin().declare("shop", "audience", r#"["orders"]"#).and(orders)
}

async fn exchanging(server: &Server, flags: &[&str]) -> Agent {
    let listen = ["--listen", "127.0.0.1:0", "--check-listen", "127.0.0.1:0"];
    let agent = Agent::start_on(&server.url(), "orders", &[&listen[..], flags].concat()).await;
    agent.hears().await;
    agent
}

async fn stub(agent: &Agent) -> TokenServiceClient<Channel> {
    TokenServiceClient::new(agent.connect().await)
}

fn shown(subject_token: &str) -> TokenExchangeGrant {
    TokenExchangeGrant { subject_token: subject_token.to_owned(), ..Default::default() }
}

fn exchange(subject_token: &str, audience: &[&str], scopes: &[&str]) -> IssueTokenRequest {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    IssueTokenRequest {
        grant: Some(Grant::TokenExchange(shown(subject_token))),
        audience: owned(audience),
        scopes: owned(scopes),
        ..IssueTokenRequest::default()
    }
}

/// The answer of the agent's token endpoint to an exchange.
async fn over_http(agent: &Agent, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let subject = [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    post_to(&agent.check_address(), "/oauth/token", &[&subject[..], more].concat()).await
}

async fn exchanges(agent: &Agent, outcome: &str) -> u64 {
    let metrics = agent.ops().metrics().await;
    metrics.count(&format!("jeton_agent_exchanges_total{{outcome={outcome:?}}}"))
}

#[tokio::test]
async fn an_agent_exchanges_as_the_rust_client_does_by_both_wires_and_keeps_what_it_got() {
    let server = Server::start(&settings()).await;
    let agent = exchanging(&server, &["--exchange-to", "billing,stock"]).await;
    let login = server.caller("shop").await.log_in().await.access_token;
    let stub = stub(&agent).await;
    let by_agent = issue(&stub, exchange(&login, &["billing"], &["read"])).await.expect("a token");

    let basic = Basic::new("orders", &Secret::new("orders-secret"));
    let orders = TokenClient::new(server.connect().await, Credentials::Basic(basic));
    let own = orders.exchange(&login, vec!["billing".into()], vec!["read".into()]).await;
    let own = own.expect("exchanged");
    let billing = server.caller("billing").await;
    let (mut found, mut expected) = (
        billing.introspect(&by_agent.access_token).await,
        billing.introspect(&own.access_token).await,
    );
    assert!(found.active && found.grant_id != expected.grant_id);
    for answer in [&mut found, &mut expected] {
        answer.grant_id.clear();
        (answer.issue_time, answer.cache_ttl, answer.feed_position) = (None, None, 0);
    }
    assert_eq!(found, expected);
    assert_eq!((&*found.client_id, &*found.username), ("orders", "alice"));
    assert_eq!(found.actors, ["orders"]);
    assert_eq!(by_agent.expire_time, own.expire_time, "the end of the login's token");
    let same = (&*by_agent.token_type, &*by_agent.issued_token_type, &*by_agent.refresh_token);
    assert_eq!(same, ("Bearer", ACCESS_TOKEN, ""));

    // The same one over HTTP, with what libraries send beside it, and in any order.
    let client = [("client_id", "anybody"), ("client_secret", "any")];
    let asked = [&client[..], &[("audience", "billing"), ("scope", "read")]].concat();
    let (status, answer) = over_http(&agent, &login, &asked).await;
    assert_eq!((status, &answer["access_token"]), (200, &json!(by_agent.access_token)), "{answer}");
    assert_eq!(
        (&answer["issued_token_type"], &answer["scope"]),
        (&json!(ACCESS_TOKEN), &json!("read"))
    );
    assert_eq!((&answer["token_type"], answer.get("refresh_token")), (&json!("Bearer"), None));
    assert!(answer["expires_in"].as_u64().is_some_and(|left| left > 0));
    let again = issue(&stub, exchange(&login, &["billing"; 2], &["read"])).await.expect("a token");
    assert_eq!(again.access_token, by_agent.access_token);
    assert!(again.expires_in <= by_agent.expires_in);
    assert_eq!(exchanges(&agent, "exchanged").await, 1);

    // Without a service it is for all that the agent may, which is less than its client may.
    let all = issue(&stub, exchange(&login, &[], &[])).await.expect("a token");
    let known = orders.introspect(jeton::proto::v1::IntrospectRequest {
        token: all.access_token.clone(),
        ..Default::default()
    });
    assert_eq!(known.await.expect("known").audience, ["billing", "stock"]);
    assert_eq!(all.scopes, ["read", "write"]);
    assert_eq!(agent.ops().metrics().await.count("jeton_agent_exchanged_tokens"), 2);
    assert!(!agent.log().contains(&by_agent.access_token) && !agent.log().contains(&login));
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn what_an_agent_has_exchanged_is_given_until_the_logout_and_never_without_proof() {
    let server = Server::start(&settings()).await;
    let agent = exchanging(&server, &["--exchange-to", "billing"]).await;
    let shop = server.caller("shop").await;
    let (first, second) = (shop.log_in().await, shop.log_in().await);
    let stub = stub(&agent).await;
    let ask = async |token: &str| issue(&stub, exchange(token, &["billing"], &[])).await;
    let ended = ask(&first.access_token).await.expect("a token");
    let kept = ask(&second.access_token).await.expect("a token");

    shop.revoke(&first.refresh_token).await.expect("a logout");
    until("the logout to be heard of", async || ask(&first.access_token).await.is_err()).await;
    assert_refused(ask(&first.access_token).await, Code::InvalidArgument, "INVALID_REQUEST");
    let (status, answer) = over_http(&agent, &first.access_token, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
    assert!(!server.caller("billing").await.is_active(&ended.access_token).await);

    // A token that was revoked by itself is exchanged again, as its parent lives.
    let admin = Admin::of(&server).await;
    let request = RevokeGrantRequest { grant_id: kept.grant_id.clone() };
    admin.stub.clone().revoke_grant(admin.signed(request)).await.expect("ended");
    until("another token", async || {
        let next = ask(&second.access_token).await.expect("a token");
        next.access_token != kept.access_token
    })
    .await;
    let kept = ask(&second.access_token).await.expect("a token");
    let again = ask(&second.access_token).await.expect("a token");
    assert_eq!(again.access_token, kept.access_token);

    // Without the server it is given while that can be proven, and then not: never as refused.
    let home = server.kill().await;
    until("to be unable to decide", async || match ask(&second.access_token).await {
        Ok(given) => {
            assert_eq!(given.access_token, kept.access_token);
            false
        }
        Err(status) => {
            assert_eq!(status.code(), Code::Unavailable);
            true
        }
    })
    .await;
    let (status, answer) = over_http(&agent, &second.access_token, &[]).await;
    assert_eq!((status, &answer["error"]), (503, &json!("temporarily_unavailable")));
    agent.stop().await;
    drop(home);
}

#[tokio::test]
async fn an_agent_exchanges_for_no_more_than_its_settings_and_its_client_allow() {
    let settings = settings().declare("app", "audience", r#"["orders"]"#);
    let server = Server::start(&settings.declare("app", "may_act", r#"["billing"]"#)).await;
    // The client may not exchange for `elsewhere`, and the agent not for `ledger`.
    let agent = exchanging(&server, &["--exchange-to", "billing,elsewhere"]).await;
    let login = server.caller("shop").await.log_in().await.access_token;
    let stub = stub(&agent).await;
    let not_let = server.caller("app").await.log_in().await.access_token;
    let own = server.caller("orders").await.issue(client_credentials()).await.expect("its own");
    for (token, audience, scope, reason, error) in [
        (&*login, "ledger", "read", "INVALID_TARGET", "invalid_target"),
        (&login, "jeton", "read", "INVALID_TARGET", "invalid_target"),
        (&login, "elsewhere", "read", "INVALID_TARGET", "invalid_target"),
        (&login, "billing", "audit", "INVALID_SCOPE", "invalid_scope"),
        ("jat_garbage", "billing", "read", "INVALID_REQUEST", "invalid_request"),
        (&not_let, "billing", "read", "INVALID_REQUEST", "invalid_request"),
        (&own.access_token, "billing", "read", "INVALID_REQUEST", "invalid_request"),
    ] {
        let refused = issue(&stub, exchange(token, &[audience], &[scope])).await;
        assert_refused(refused, Code::InvalidArgument, reason);
        let asked = [("audience", audience), ("scope", scope)];
        let (status, answer) = over_http(&agent, token, &asked).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{audience} {scope}");
    }
    assert_eq!(exchanges(&agent, "exchanged").await, 0);
    assert!(exchanges(&agent, "refused").await > 0);

    // Nothing that would make it another's token, or not the agent's to narrow.
    let with = |change: fn(&mut TokenExchangeGrant)| {
        let mut grant = shown(&login);
        change(&mut grant);
        let grant = Some(Grant::TokenExchange(grant));
        Request::new(IssueTokenRequest { grant, ..exchange(&login, &["billing"], &[]) })
    };
    let plain = || exchange(&login, &["billing"], &[]);
    let mut authorized = Request::new(plain());
    authorized.metadata_mut().insert("authorization", "Basic YTpi".parse().expect("a header"));
    for request in [
        with(|shown| shown.actor_token = "jat_other".into()),
        Request::new(IssueTokenRequest { client_id: "orders".into(), ..plain() }),
        Request::new(IssueTokenRequest { client_secret: "orders-secret".into(), ..plain() }),
        Request::new(IssueTokenRequest { ttl: Some(prost_types::Duration::default()), ..plain() }),
        authorized,
    ] {
        let refused = issue(&stub, request).await.expect_err("the server's business");
        assert_eq!(refused.code(), Code::Unimplemented);
    }
    let saml =
        with(|shown| shown.subject_token_type = "urn:ietf:params:oauth:token-type:saml2".into());
    assert_refused(issue(&stub, saml).await, Code::InvalidArgument, "INVALID_REQUEST");
    let (status, answer) = over_http(&agent, &login, &[("actor_token", "jat_other")]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
    let password = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    let (status, answer) = post_to(&agent.check_address(), "/oauth/token", &password).await;
    assert_eq!((status, &answer["error"]), (400, &json!("unsupported_grant_type")));
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_agent_gives_tokens_of_no_kind_that_its_settings_do_not_name() {
    let server = Server::start(&settings()).await;
    let login = server.caller("shop").await.log_in().await.access_token;
    let neither = exchanging(&server, &[]).await;
    let refused = issue(&stub(&neither).await, exchange(&login, &[], &[])).await;
    assert_eq!(refused.expect_err("it exchanges none").code(), Code::Unimplemented);
    let (status, answer) = over_http(&neither, &login, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("unsupported_grant_type")));
    neither.stop().await;

    let own = [("grant_type", "client_credentials"), ("audience", "orders"), ("scope", "read")];
    let exchanges = exchanging(&server, &["--exchange-to", "billing"]).await;
    let (status, answer) = post_to(&exchanges.check_address(), "/oauth/token", &own).await;
    assert_eq!((status, &answer["error"]), (400, &json!("unsupported_grant_type")));
    exchanges.stop().await;

    // Tokens of the client's own come over HTTP, too, and never one for jeton.
    let issues = exchanging(&server, &["--issue-tokens"]).await;
    let (status, answer) = post_to(&issues.check_address(), "/oauth/token", &own).await;
    assert_eq!((status, answer.get("issued_token_type")), (200, None), "{answer}");
    let token = answer["access_token"].as_str().expect("a token");
    let known = server.caller("orders").await.introspect(token).await;
    assert_eq!((&*known.subject, known.audience), ("orders", vec!["orders".to_owned()]));
    let for_jeton = [("grant_type", "client_credentials"), ("audience", "jeton")];
    let (status, answer) = post_to(&issues.check_address(), "/oauth/token", &for_jeton).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_target")));
    issues.stop().await;
    server.stop().await;
}
