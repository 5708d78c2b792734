//! Bound tokens of other forms and origins: signed ones, those of an exchange, and those that come to a tonic
//! server over its own TLS.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jeton::{
    client::{PeerCertificate, Validator, layer::RequireToken, validator::Options},
    domain::certificate::CertificateIdentity,
    proto::v1::{
        IntrospectResponse, IssueTokenRequest, TokenExchangeGrant, issue_token_request::Grant,
    },
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request, Status,
    transport::{Certificate, Identity, Server as TonicServer, ServerTlsConfig},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    authority::{Authority, Issued},
    bound::{der, gateway, over, settings, start},
    common::{
        caller::{by_password, client_credentials},
        refusal::assert_refused,
        settings::Table,
    },
    encrypted::connect_at,
};

const SHOP: &str = "spiffe://shop.example/shop";

fn name(issued: &IntrospectResponse) -> String {
    issued.cnf.clone().map(|cnf| cnf.certificate_identity).unwrap_or_default()
}

#[tokio::test]
async fn a_signed_token_names_its_holder_and_is_compared_at_first_sight() {
    let ours = Authority::new("ours");
    let settings = settings("certificate")
        .declare("shop", "access_token_format", r#""jwt""#)
        .declare("shop", "audience", r#"["billing"]"#);
    let server = start(&ours, &settings).await;
    let (shown, stolen_by) = (ours.client(10, &[SHOP]), ours.client(11, &[SHOP]));
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("JSON");
    let hash = CertificateIdentity::parse(&shown.identity());
    let Ok(CertificateIdentity::Sha256(hash)) = hash else { panic!("a hash") };
    assert_eq!(claims["cnf"]["x5t#S256"], BASE64_URL_SAFE_NO_PAD.encode(hash), "{claims}");

    let issuer = claims["iss"].as_str().expect("an issuer").to_owned();
    let judging = gateway(&server, &ours).await;
    let validator = Validator::start_judging(judging, Options::default(), issuer);
    for (shown, passes) in [(&shown, true), (&stolen_by, false), (&shown, true)] {
        let peer = PeerCertificate::from_der(&der(shown));
        assert_eq!(validator.validate_shown_by(&token, Some(&peer)).await.is_ok(), passes);
    }
    assert!(validator.validate(&token).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn what_comes_of_an_exchange_is_bound_to_the_client_that_acts_and_the_shown_token_is_not_compared()
 {
    let ours = Authority::new("ours");
    let orders = Table::confidential("orders")
        .toml("grants", r#"["token_exchange", "client_credentials"]"#)
        .toml("may_exchange_to", r#"["billing"]"#)
        .text("bound_to", "identity");
    let settings = settings("identity").declare("shop", "audience", r#"["orders"]"#).and(orders);
    let server = start(&ours, &settings).await;
    let (shown, acting) =
        (ours.client(10, &[SHOP]), ours.client(11, &["spiffe://shop.example/orders"]));
    let other = ours.client(12, &["spiffe://shop.example/another"]);
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let login = shop.issue(by_password("alice")).await.expect("a login").access_token;
    let orders = over(&server, &ours, "orders", Some(&acting)).await;
    let actor_token = orders.issue(client_credentials()).await.expect("a token").access_token;
    let exchange = |actor_token: &str| {
        let shown = TokenExchangeGrant {
            subject_token: login.clone(),
            actor_token: actor_token.to_owned(),
            ..Default::default()
        };
        let grant = Some(Grant::TokenExchange(shown));
        IssueTokenRequest { grant, ..Default::default() }
    };
    let made = orders.issue(exchange(&actor_token)).await.expect("exchanged").access_token;
    let gateway = over(&server, &ours, "gateway", None).await;
    assert_eq!(name(&gateway.introspect(&login).await), format!("uri:{SHOP}"));
    assert_eq!(name(&gateway.introspect(&made).await), "uri:spiffe://shop.example/orders");
    // Its own token is compared, as everywhere.
    let elsewhere = over(&server, &ours, "orders", Some(&other)).await;
    let refused = elsewhere.issue(exchange(&actor_token)).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    elsewhere.issue(exchange("")).await.expect("without it");
    server.stop().await;
}

async fn visit(
    address: &str,
    ours: &Authority,
    token: &str,
    shown: Option<&Issued>,
) -> Result<(), Status> {
    let channel = connect_at(address, ours, shown).await.expect("a connection");
    let mut request = Request::new(HealthCheckRequest::default());
    let value = format!("Bearer {token}").parse().expect("a value");
    request.metadata_mut().insert("authorization", value);
    HealthClient::new(channel).check(request).await.map(drop)
}

#[tokio::test]
async fn the_layer_knows_the_certificate_of_a_connection_over_the_tls_of_tonic() {
    let ours = Authority::new("ours");
    let server = start(&ours, &settings("certificate")).await;
    let (shown, stolen_by) = (ours.client(10, &[SHOP]), ours.client(11, &[SHOP]));
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;

    let validator = Validator::start(gateway(&server, &ours).await, Options::default());
    let own = ours.server(2);
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&own.certificate, &own.key))
        .client_ca_root(Certificate::from_pem(ours.pem()))
        .client_auth_optional(true);
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address").to_string();
    let guarded = TonicServer::builder()
        .tls_config(tls)
        .expect("a certificate")
        .layer(RequireToken::new(validator, "billing"))
        .add_service(health)
        .serve_with_incoming(TcpListenerStream::new(listener));
    let serving = tokio::spawn(guarded);
    for _ in 0..2 {
        visit(&address, &ours, &token, Some(&shown)).await.expect("its holder");
        for thief in [Some(&stolen_by), None] {
            let refused = visit(&address, &ours, &token, thief).await.expect_err("stolen");
            assert_eq!(refused.code(), Code::Unauthenticated);
        }
    }
    serving.abort();
    server.stop().await;
}
