//! Access tokens that are bound to the certificate of their holder (RFC 8705 §3): a stolen one is refused at
//! each place that decides about tokens.

use std::{collections::HashMap, convert::Infallible, fs, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Request, Response};
use jeton::{
    bearer::{PeerCertificate, Requirement},
    client::{
        Basic, Claims, Credentials, Refusal, TokenClient, Validator, layer::RequireToken,
        validator::Options,
    },
    domain::{certificate::CertificateIdentity, secret::Secret},
    proto::{
        envoy::service::auth::v3::{
            AttributeContext, CheckRequest,
            attribute_context::{self, HttpRequest, Peer},
            authorization_client::AuthorizationClient,
        },
        v1::{Confirmation, IntrospectRequest},
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, transport::Channel};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{
    authority::{Authority, Issued},
    clients::bare,
    common::{
        agent::Agent,
        caller::{Caller, by_password, client_credentials, for_jeton},
        home::Home,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
        wait::within,
    },
    encrypted::{connect, home, post, with_certificate},
};

const SHOP: &str = "spiffe://shop.example/shop";

pub(crate) fn settings(bound_to: &str) -> Settings {
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "optional");
    let bound = format!("{bound_to:?}");
    settings
        .set("tls", "client_ca", "ca.pem")
        .set("check", "listen", "127.0.0.1:0")
        .set("check", "client", "gateway")
        .set("check", "certificate_header", "client-cert")
        .declare("shop", "bound_to", &bound)
        .declare("app", "bound_to", &bound)
}

fn place(authority: &Authority) -> Home {
    let home = home(authority);
    fs::write(home.path().join("ca.pem"), authority.pem()).expect("the CA");
    home
}

pub(crate) async fn start(authority: &Authority, settings: &Settings) -> Server {
    Server::start_at(place(authority), settings).await
}

/// The client `id` by its secret, over a connection that shows `shown`.
pub(crate) async fn over(
    server: &Server,
    ours: &Authority,
    id: &'static str,
    shown: Option<&Issued>,
) -> Caller {
    Caller::new(connect(server, ours, shown).await.expect("a connection"), id)
}

pub(crate) fn der(issued: &Issued) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(issued.certificate.as_bytes()).expect("PEM")
}

/// As proxies write it.
fn written(shown: Option<&Issued>) -> String {
    let encode =
        |shown: &Issued| utf8_percent_encode(&shown.certificate, NON_ALPHANUMERIC).to_string();
    shown.map(encode).unwrap_or_default()
}

/// The status of Envoy's Check for a visitor who has shown that certificate to it.
async fn envoy(channel: Channel, gateway: &Caller, token: &str, shown: Option<&Issued>) -> i32 {
    let headers = HashMap::from([
        ("authorization".to_owned(), format!("Bearer {token}")),
        // The visitor's word is nobody's.
        ("client-cert".to_owned(), "forged".to_owned()),
    ]);
    let http = HttpRequest { headers, header_map: None };
    let attributes = AttributeContext {
        source: Some(Peer { certificate: written(shown) }),
        request: Some(attribute_context::Request { http: Some(http) }),
        context_extensions: [("audience".to_owned(), "billing".to_owned())].into(),
    };
    let request = gateway.signed(CheckRequest { attributes: Some(attributes) });
    let answer = AuthorizationClient::new(channel).check(request).await.expect("an answer");
    answer.into_inner().status.expect("a status").code
}

/// The status of `/check` for the same visitor.
async fn check(address: &str, token: &str, certificates: &[String]) -> u16 {
    let headers = certificates.iter().map(|text| format!("client-cert: {text}\r\n"));
    let headers: String = headers.collect();
    let request = format!(
        "GET /check?audience=billing HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\n{headers}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    within("to answer", stream.read_to_string(&mut answer)).await.expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// A service of this process that requires a token for `billing`, and answers who acts.
async fn layer(require: &RequireToken, token: &str, shown: Option<&Issued>) -> u16 {
    let mut request = Request::new(());
    let value = format!("Bearer {token}").try_into().expect("a value");
    request.headers_mut().insert("authorization", value);
    if let Some(shown) = shown {
        request.extensions_mut().insert(PeerCertificate::from_der(&der(shown)));
    }
    let service = require.layer(service_fn(async |request: Request<()>| {
        assert!(request.extensions().get::<Arc<Claims>>().is_some());
        Ok::<_, Infallible>(Response::new(()))
    }));
    service.oneshot(request).await.expect("infallible").status().as_u16()
}

pub(crate) async fn gateway(server: &Server, ours: &Authority) -> TokenClient {
    let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
    let channel = connect(server, ours, None).await.expect("a connection");
    TokenClient::new(channel, Credentials::Basic(basic))
}

/// Goes wherever a token for `billing` is decided about.
struct Places<'a> {
    server: &'a Server,
    ours: &'a Authority,
    agent: Agent,
    gateway: Caller,
    validator: Validator,
}

impl<'a> Places<'a> {
    async fn find(server: &'a Server, ours: &'a Authority) -> Self {
        let home = Home::new();
        fs::write(home.path().join("ca.pem"), ours.pem()).expect("the CA");
        let port = server.address().rsplit(':').next().expect("a port");
        let url = format!("https://localhost:{port}");
        let flags = [
            &["--server", &*url, "--client-id", "gateway", "--ca", "ca.pem"][..],
            &["--listen", "127.0.0.1:0", "--check-listen", "127.0.0.1:0"],
            &["--certificate-header", "client-cert"],
        ];
        let secret = [("JETON_CLIENT_SECRET", "gateway-secret")];
        let agent = Agent::start_in(home, &flags.concat(), &secret).await;
        agent.hears().await;
        let validator = Validator::start(gateway(server, ours).await, Options::default());
        let gateway = over(server, ours, "gateway", None).await;
        Self { server, ours, agent, gateway, validator }
    }

    /// Asserts that everybody decides so, asked for the first time and again from memory.
    async fn assert_all(&self, token: &str, shown: Option<&Issued>, passes: bool) {
        let (code, status) = if passes { (Code::Ok, 200) } else { (Code::Unauthenticated, 401) };
        let code = i32::from(code);
        let channel = connect(self.server, self.ours, None).await.expect("a connection");
        assert_eq!(envoy(channel, &self.gateway, token, shown).await, code, "Check");
        let channel = self.agent.connect().await;
        assert_eq!(envoy(channel, &self.gateway, token, shown).await, code, "the agent's Check");
        let header: Vec<_> = shown.iter().map(|shown| written(Some(shown))).collect();
        for address in [self.server.check_address(), self.agent.check_address()] {
            assert_eq!(check(&address, token, &header).await, status, "/check at {address}");
        }
        let require = RequireToken::new(self.validator.clone(), "billing");
        for _ in 0..2 {
            assert_eq!(layer(&require, token, shown).await, status, "the layer");
        }
        let peer = shown.map(|shown| PeerCertificate::from_der(&der(shown)));
        let valid = self.validator.validate_shown_by(token, peer.as_ref()).await;
        assert_eq!(valid.is_ok(), passes, "the validator");
    }
}

#[tokio::test]
async fn a_stolen_token_that_is_bound_to_a_certificate_is_refused_at_each_place() {
    let ours = Authority::new("ours");
    let server = start(&ours, &settings("certificate")).await;
    let (shown, stolen_by) = (ours.client(10, &[SHOP]), ours.client(11, &[SHOP]));
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;

    let places = Places::find(&server, &ours).await;
    let sha256 = CertificateIdentity::parse(&shown.identity());
    let Ok(CertificateIdentity::Sha256(hash)) = sha256 else { panic!("a hash") };
    let cnf = Confirmation { certificate_sha256: hash.to_vec(), ..Default::default() };
    assert_eq!(places.gateway.introspect(&token).await.cnf, Some(cnf.clone()));
    let together = places.gateway.introspect_all(&[&token]).await.expect("answers");
    assert_eq!(together[0].cnf, Some(cnf.clone()));
    let asked = IntrospectRequest { token: token.clone(), ..Default::default() };
    let agents = Caller::new(places.agent.connect().await, "gateway");
    let agents = agents.stub.clone().introspect(asked).await.expect("an answer");
    assert_eq!(agents.into_inner().cnf, Some(cnf));
    let form = format!("client_id=gateway&client_secret=gateway-secret&token={token}");
    let answer = post(&server, &ours, None, ("/oauth/introspect", &form)).await;
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(hash);
    assert!(answer.contains(&format!(r#""cnf":{{"x5t#S256":"{thumbprint}"}}"#)), "{answer}");

    places.assert_all(&token, Some(&shown), true).await;
    places.assert_all(&token, Some(&stolen_by), false).await;
    places.assert_all(&token, None, false).await;
    // Two headers: one of them is the visitor's.
    let both = [written(Some(&shown)), written(Some(&stolen_by))];
    for address in [server.check_address(), places.agent.check_address()] {
        assert_eq!(check(&address, &token, &both).await, 401);
    }

    // A caller of the validator that does not know who shows a token, and one that judges itself.
    let validator = &places.validator;
    assert!(matches!(validator.validate(&token).await, Err(Refusal::Inactive)));
    assert!(matches!(validator.recall(&token), Some(Err(Refusal::Inactive))));
    let claims = validator.validate_of_any_holder(&token).await.expect("active");
    assert!(claims.may_be_shown_by(Some(&PeerCertificate::from_der(&der(&shown)))));
    let anybody = Requirement::new(Some("billing".to_owned())).any_holder(true);
    let require = RequireToken::of(validator.clone(), anybody);
    assert_eq!(layer(&require, &token, None).await, 200);

    // At jeton itself.
    let own = shop.issue(for_jeton()).await.expect("a token").access_token;
    for (connection, passes) in [(Some(&shown), true), (Some(&stolen_by), false), (None, false)] {
        let caller = over(&server, &ours, "shop", connection).await;
        let mut request =
            tonic::Request::new(IntrospectRequest { token: own.clone(), ..Default::default() });
        let value = format!("Bearer {own}").parse().expect("a value");
        request.metadata_mut().insert("authorization", value);
        let answer = caller.stub.clone().introspect(request).await;
        match answer {
            Ok(answer) => assert!(passes && answer.into_inner().active),
            refused => {
                assert!(!passes);
                assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
            }
        }
    }
    places.agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_shows_the_tokens_that_are_bound_to_its_name() {
    let ours = Authority::new("ours");
    let server = start(&ours, &settings("identity")).await;
    let (shown, renewed) = (ours.client(10, &[SHOP]), ours.client(11, &[SHOP]));
    let thief = ours.client(12, &["spiffe://shop.example/thief"]);
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let places = Places::find(&server, &ours).await;
    let cnf = places.gateway.introspect(&token).await.cnf.expect("bound");
    assert_eq!(cnf.certificate_identity, format!("uri:{SHOP}"));
    for (certificate, passes) in
        [(Some(&shown), true), (Some(&renewed), true), (Some(&thief), false), (None, false)]
    {
        places.assert_all(&token, certificate, passes).await;
    }
    places.agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_is_not_named_as_the_source_of_certificates_shows_no_bound_token() {
    let ours = Authority::new("ours");
    let settings = settings("certificate").unset("check", "certificate_header");
    let server = start(&ours, &settings).await;
    let shown = ours.client(10, &[SHOP]);
    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let address = server.check_address();
    assert_eq!(check(&address, &token, &[written(Some(&shown))]).await, 401);
    let free = over(&server, &ours, "rival", None).await;
    let free = free.issue(client_credentials()).await.expect("a token").access_token;
    assert_eq!(check(&address, &free, &[]).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_issued_without_a_certificate_to_bind_to() {
    let ours = Authority::new("ours");
    let server = start(&ours, &settings("identity")).await;
    let nameless = ours.client(10, &[]);
    for shown in [None, Some(&nameless)] {
        let shop = over(&server, &ours, "shop", shown).await;
        for request in [client_credentials(), by_password("alice")] {
            assert_refused(shop.issue(request).await, Code::InvalidArgument, "INVALID_REQUEST");
        }
        let form = "grant_type=client_credentials&client_id=shop&client_secret=shop-secret";
        let answer = post(&server, &ours, shown, ("/oauth/token", form)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("invalid_request") && answer.contains("certificate"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_public_clients_refresh_token_is_bound_and_a_confidential_ones_pair_is_bound_anew() {
    let ours = Authority::new("ours");
    let server = start(&ours, &settings("certificate")).await;
    let (shown, other) = (ours.client(10, &[SHOP]), ours.client(11, &[SHOP]));
    let gateway = over(&server, &ours, "gateway", None).await;
    let bound =
        async |token: &str| gateway.introspect(token).await.cnf.map(|cnf| cnf.certificate_sha256);

    let app = bare(&server, &ours, &shown, "app").await;
    let login = app.log_in().await;
    let thief = bare(&server, &ours, &other, "app").await;
    assert_refused(
        thief.refresh(&login.refresh_token).await,
        Code::Unauthenticated,
        "INVALID_GRANT",
    );
    let without = Caller { secret: String::new(), ..over(&server, &ours, "app", None).await };
    let refused = without.refresh(&login.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let next = app.refresh(&login.refresh_token).await.expect("its holder");
    assert_eq!(bound(&next.access_token).await, bound(&login.access_token).await);
    // A thief of a token that was used ends nothing.
    let refused = thief.refresh(&login.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert!(gateway.is_active(&next.access_token).await);

    let shop = over(&server, &ours, "shop", Some(&shown)).await;
    let login = shop.log_in().await;
    let before = bound(&login.access_token).await;
    let renewed = over(&server, &ours, "shop", Some(&other)).await;
    let next = renewed.refresh(&login.refresh_token).await.expect("by its secret");
    assert!(bound(&next.access_token).await.is_some_and(|hash| Some(hash) != before));
    assert_eq!(bound(&login.access_token).await, before, "a token keeps its holder");
    let without = over(&server, &ours, "shop", None).await.refresh(&next.refresh_token).await;
    assert_refused(without, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}
