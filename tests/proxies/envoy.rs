//! Envoy's external authorization, called as Envoy calls it.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use jeton::{
    bearer::{Bearer, Requirement},
    proto::envoy::{
        config::core::v3::{
            HeaderMap, HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
        },
        service::auth::v3::{
            AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
            attribute_context::{HttpRequest, Request},
            authorization_client::AuthorizationClient,
            check_response::HttpResponse,
        },
    },
};
use prost_types::value::Kind;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    bearers::{Case, Table, cases},
    common::{
        caller::{Caller, client_credentials},
        server::Server,
        settings::Settings,
        wait::until,
    },
    tokens::Tokens,
};

/// The names of the headers that say whose request it is.
const NAMES: [&str; 5] = ["subject", "client-id", "username", "scope", "grant-id"];

/// One Envoy, which is the client `id`.
pub(crate) struct Envoy {
    stub: AuthorizationClient<Channel>,
    caller: Caller,
}

impl Envoy {
    async fn new(server: &Server, id: &'static str) -> Self {
        Self::over(server.connect().await, server.caller(id).await)
    }

    /// Over a connection to the process that decides.
    pub(crate) fn over(channel: Channel, caller: Caller) -> Self {
        Self { stub: AuthorizationClient::new(channel), caller }
    }

    pub(crate) async fn ask(
        &self,
        route: &[(&str, impl ToString)],
        http: HttpRequest,
    ) -> Result<CheckResponse, Status> {
        let context_extensions =
            route.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let attributes = AttributeContext {
            source: None,
            request: Some(Request { http: Some(http) }),
            context_extensions: context_extensions.collect(),
        };
        let request = self.caller.signed(CheckRequest { attributes: Some(attributes) });
        self.stub.clone().check(request).await.map(tonic::Response::into_inner)
    }

    /// Returns the answer to one token, or to none.
    pub(crate) async fn check(&self, route: &[(&str, &str)], token: Option<&str>) -> CheckResponse {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let authorizations: Vec<String> = authorization.into_iter().collect();
        self.ask(route, joined(&authorizations)).await.expect("an answer")
    }
}

/// Returns the configuration of a route with this requirement.
pub(crate) fn route_of(requirement: &Requirement) -> Vec<(&'static str, String)> {
    let scopes = requirement.scopes().join(" ");
    let mut route = vec![("audience", requirement.audience().expect("one").to_owned())];
    route.extend((!scopes.is_empty()).then_some(("scopes", scopes)));
    route.extend(requirement.is_optional().then_some(("optional", "true".to_owned())));
    route
}

/// As Envoy sends headers: those of one name in one, with commas between.
pub(crate) fn joined(authorizations: &[String]) -> HttpRequest {
    let mut headers = HashMap::from([
        (":path".to_owned(), "/".to_owned()),
        ("x-jeton-subject".to_owned(), "usr_forged".to_owned()),
    ]);
    if !authorizations.is_empty() {
        headers.insert("authorization".to_owned(), authorizations.join(","));
    }
    HttpRequest { headers, header_map: None }
}

/// The same with `encode_raw_headers`: one by one, and nothing in the map.
fn raw(authorizations: &[String]) -> HttpRequest {
    let header = |key: &str, value: &str| HeaderValue {
        key: key.to_owned(),
        value: String::new(),
        raw_value: value.as_bytes().to_vec(),
    };
    let mut headers = vec![header(":path", "/"), header("x-jeton-subject", "usr_forged")];
    headers.extend(authorizations.iter().map(|value| header("authorization", value)));
    HttpRequest { headers: HashMap::new(), header_map: Some(HeaderMap { headers }) }
}

/// The headers of an answer, each of which takes the place of what the visitor sent.
fn set(headers: &[HeaderValueOption]) -> BTreeMap<&str, &str> {
    let header = |option: &'_ HeaderValueOption| {
        assert_eq!(option.append_action(), HeaderAppendAction::OverwriteIfExistsOrAdd);
    };
    headers.iter().for_each(header);
    let headers = headers.iter().filter_map(|option| option.header.as_ref());
    headers.map(|header| (&*header.key, &*header.value)).collect()
}

#[track_caller]
fn passed(answer: &CheckResponse) -> &OkHttpResponse {
    assert_eq!(answer.status.as_ref().map(|status| status.code), Some(0), "{answer:?}");
    match &answer.http_response {
        Some(HttpResponse::OkResponse(passed)) => passed,
        other => panic!("{other:?}"),
    }
}

/// The status and the headers of a refusal.
#[track_caller]
pub(crate) fn denied(answer: &CheckResponse) -> (i32, BTreeMap<&str, &str>) {
    assert_ne!(answer.status.as_ref().map(|status| status.code), Some(0), "{answer:?}");
    assert!(answer.dynamic_metadata.is_none());
    match &answer.http_response {
        Some(HttpResponse::DeniedResponse(DeniedHttpResponse { status, headers, body })) => {
            assert_eq!(body, "");
            (status.as_ref().expect("a status").code, set(headers))
        }
        other => panic!("{other:?}"),
    }
}

/// Every header that says whose request it is is set or removed, and none is both.
#[track_caller]
fn assert_no_forgery(passed: &OkHttpResponse, prefix: &str) {
    let set = set(&passed.headers);
    let removed: BTreeSet<&str> = passed.headers_to_remove.iter().map(String::as_str).collect();
    for name in NAMES.map(|name| format!("{prefix}{name}")) {
        assert_ne!(set.contains_key(&*name), removed.contains(&*name), "{name}: {passed:?}");
    }
    assert!(set.values().all(|value| !value.is_empty()), "{passed:?}");
}

const BILLING: (&str, &str) = ("audience", "billing");

#[tokio::test]
async fn envoy_is_answered_every_case_as_the_table_decides() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = Envoy::new(&server, "gateway").await;
    let Tokens { good, ended } = Tokens::of_shop(&server).await;
    let table = Table { good: good.clone(), scope: "read" };
    for Case { requirement, authorizations } in cases(&good, &ended) {
        let decided = table.decide(&requirement, &authorizations).await;
        let route = route_of(&requirement);
        for http in [joined(&authorizations), raw(&authorizations)] {
            let answer = gateway.ask(&route, http).await.expect("an answer");
            let case = format!("{route:?} {authorizations:?}: {answer:?}");
            let status = answer.status.as_ref().map_or(0, |status| status.code);
            match &decided {
                Ok(bearer) => {
                    let passed = passed(&answer);
                    assert_no_forgery(passed, "x-jeton-");
                    let subject = matches!(bearer, Bearer::Of(_)).then_some("shop");
                    let headers = set(&passed.headers);
                    assert_eq!(headers.get("x-jeton-subject").copied(), subject, "{case}");
                }
                Err(denial) => {
                    assert_eq!(status, i32::from(denial.code()), "{case}");
                    let (http, headers) = denied(&answer);
                    assert_eq!(http, i32::from(denial.http().as_u16()), "{case}");
                    let challenge = requirement.challenge(*denial);
                    assert_eq!(
                        headers.get("www-authenticate").copied(),
                        challenge.as_deref(),
                        "{case}"
                    );
                }
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_upstream_learns_whose_request_it_is_until_the_token_is_revoked() {
    let server = Server::start(&Settings::standard()).await;
    let billing = Envoy::new(&server, "billing").await;
    let shop = server.caller("shop").await;
    let alice = shop.log_in().await;
    let route = [BILLING, ("scopes", "write read")];

    let answer = billing.check(&route, Some(&alice.access_token)).await;
    let known = shop.introspect(&alice.access_token).await;
    let expected = [
        ("x-jeton-client-id", "shop"),
        ("x-jeton-grant-id", &*known.grant_id),
        ("x-jeton-scope", "read write"),
        ("x-jeton-subject", &*known.subject),
        ("x-jeton-username", "alice"),
    ];
    assert_eq!(set(&passed(&answer).headers), BTreeMap::from(expected));
    assert_eq!(passed(&answer).headers_to_remove, <[String; 0]>::default());
    let metadata = answer.dynamic_metadata.expect("metadata").fields;
    let text = |name: &str| match &metadata[name].kind {
        Some(Kind::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    for (name, value) in expected {
        assert_eq!(text(&name.trim_start_matches("x-jeton-").replace('-', "_")), value);
    }
    let exp = alice.expire_time.expect("an expiry").seconds;
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
    let exp = Some(Kind::NumberValue(exp as f64));
    assert_eq!(metadata["exp"].kind, exp);

    // A client for itself has no username: a name that the visitor sends is removed.
    let own = shop.issue(client_credentials()).await.expect("a token").access_token;
    let answer = billing.check(&route, Some(&own)).await;
    assert_no_forgery(passed(&answer), "x-jeton-");
    assert_eq!(passed(&answer).headers_to_remove, ["x-jeton-username"]);
    assert!(!answer.dynamic_metadata.expect("metadata").fields.contains_key("username"));

    let answer = billing.check(&[BILLING, ("optional", "true")], None).await;
    assert_eq!(passed(&answer).headers, []);
    assert_eq!(passed(&answer).headers_to_remove, NAMES.map(|name| format!("x-jeton-{name}")));
    assert!(answer.dynamic_metadata.is_none());

    shop.revoke(&alice.refresh_token).await.expect("revoked");
    let answer = billing.check(&route, Some(&alice.access_token)).await;
    let challenge = r#"Bearer realm="billing", error="invalid_token""#;
    assert_eq!(denied(&answer), (401, BTreeMap::from([("www-authenticate", challenge)])));
    server.stop().await;
}

#[tokio::test]
async fn a_route_that_is_set_up_wrongly_lets_nobody_pass_and_the_log_says_why() {
    let server = Server::start(&Settings::standard()).await;
    let billing = Envoy::new(&server, "billing").await;
    let shop = server.caller("shop").await;
    let good = shop.issue(client_credentials()).await.expect("a token").access_token;
    for (route, why) in [
        (&[][..], "it names no audience"),
        (&[("audience", "")], "it names no audience"),
        (&[BILLING, ("optinal", "true")], "it has an unknown key"),
        (&[BILLING, ("scopes", " ")], "its scopes are empty"),
        (&[BILLING, ("scope", "read"), ("scopes", "read")], "a key stands there twice"),
        (&[BILLING, ("optional", "yes")], "optional is neither true nor false"),
        (&[("audience", "payroll")], "may not introspect tokens for its audience"),
    ] {
        // The log is rationed: some of many are in it.
        until("the log to say why", async || {
            let answer = billing.check(route, Some(&good)).await;
            assert_eq!(denied(&answer), (500, BTreeMap::new()), "{route:?}");
            server.log().contains(why)
        })
        .await;
    }
    // A client that sees none but its own tokens is no proxy, for any audience.
    let own = Envoy::new(&server, "shop").await;
    for audience in ["shop", "billing"] {
        let answer = own.check(&[("audience", audience)], Some(&good)).await;
        assert_eq!(denied(&answer).0, 500, "{audience}");
    }
    let empty = billing.caller.signed(CheckRequest { attributes: None });
    let answer = billing.stub.clone().check(empty).await.expect("an answer").into_inner();
    assert_eq!(denied(&answer).0, 500);
    let misconfigured = r#"jeton_checks_total{outcome="misconfigured"}"#;
    assert!(server.ops().await.metrics().await.count(misconfigured) >= 10);
    assert!(!server.log().contains(&good), "no token is in the log");
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_decided_is_503_and_an_error_only_where_that_is_asked_for() {
    let few = |settings: Settings| {
        let settings = settings.declare("billing", "requests_per_second", "1");
        settings.declare("billing", "request_burst", "1")
    };
    let server = Server::start(&few(Settings::standard())).await;
    let billing = Envoy::new(&server, "billing").await;
    let shop = server.caller("shop").await;
    let good = shop.issue(client_credentials()).await.expect("a token").access_token;
    until("the client's requests to be spent", async || {
        let answer = billing.check(&[BILLING], Some(&good)).await;
        if matches!(answer.http_response, Some(HttpResponse::OkResponse(_))) {
            return false;
        }
        assert_eq!(
            answer.status.as_ref().map(|status| status.code),
            Some(Code::Unavailable.into())
        );
        let (status, headers) = denied(&answer);
        assert_eq!(
            (status, headers.keys().copied().collect::<Vec<_>>()),
            (503, vec!["retry-after"])
        );
        assert!(headers["retry-after"].parse::<u64>().is_ok_and(|seconds| seconds >= 1));
        true
    })
    .await;

    let settings = few(Settings::standard()).set("check", "header_prefix", "X-Auth-");
    let settings = settings.set("check", "envoy_undecided", "fail");
    let settings = settings.set_flag("check", "envoy_remove_authorization", true);
    let server = Server::start_at(server.stop().await, &settings).await;
    let billing = Envoy::new(&server, "billing").await;
    let route = [BILLING, ("optional", "true")];
    let seen = Cell::new(0);
    until("the client's requests to be spent", async || {
        match billing.ask(&route, joined(&[format!("Bearer {good}")])).await {
            Ok(answer) => {
                seen.set(seen.get() + 1);
                let passed = passed(&answer);
                assert_no_forgery(passed, "x-auth-");
                assert_eq!(passed.headers_to_remove, ["x-auth-username", "authorization"]);
                false
            }
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted);
                true
            }
        }
    })
    .await;
    assert!(seen.get() > 0, "the first passes");
    server.stop().await;
}

#[tokio::test]
async fn health_knows_the_service() {
    let server = Server::start(&Settings::standard()).await;
    let mut health = HealthClient::new(server.connect().await);
    let service = "envoy.service.auth.v3.Authorization".to_owned();
    let answer = health.check(HealthCheckRequest { service }).await.expect("it is known");
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    server.stop().await;
}
