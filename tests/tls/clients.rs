//! Clients prove themselves by certificate: which are refused, and who the others are.

use std::fs;

use jeton::proto::v1::{IntrospectRequest, IssueTokenRequest, UpdateClientRequest};
use rustls::DEFAULT_VERSIONS;
use tonic::{Code, Request};

use crate::{
    authority::{Authority, Issued},
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, client_credentials},
        home::Home,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
        wait::until,
    },
    encrypted::{Offer, connect, home, post, shake_hands, with_certificate},
};

pub(crate) fn asking(settings: Settings, auth: &str) -> Settings {
    let settings = with_certificate(settings).set("tls", "client_auth", auth);
    settings.set("tls", "client_ca", "ca.pem").set("tls", "crl", "crl.pem")
}

fn home_with(authority: &Authority, revoked: &[&Issued]) -> Home {
    let home = home(authority);
    fs::write(home.path().join("ca.pem"), authority.pem()).expect("the CA");
    fs::write(home.path().join("crl.pem"), authority.revoked(revoked)).expect("the list");
    home
}

/// Returns the answer to a client with this certificate.
pub(crate) async fn told(
    server: &Server,
    authority: &Authority,
    identity: Option<&Issued>,
) -> String {
    let offer = Offer { identity, protocols: &["h2"], versions: DEFAULT_VERSIONS };
    match shake_hands(server.address(), authority, offer).await {
        Ok(_) => "welcome".to_owned(),
        Err(refused) => refused,
    }
}

#[tokio::test]
async fn every_bad_certificate_is_refused_alike_and_why_is_in_the_log_alone() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let good = authority.client(10, &["shop.example"]);
    let expired = authority.expired_client(11, &["shop.example"]);
    let revoked = authority.client(12, &["shop.example"]);
    let foreign = other.client(10, &["shop.example"]);
    let settings = asking(Settings::standard(), "required");
    let server = Server::start_at(home_with(&authority, &[&revoked]), &settings).await;

    assert_eq!(told(&server, &authority, Some(&good)).await, "welcome");
    for (identity, reason) in
        [(&expired, "certificate expired"), (&foreign, "UnknownIssuer"), (&revoked, "Revoked")]
    {
        let alert = told(&server, &authority, Some(identity)).await;
        assert_eq!(alert, "received fatal alert: CertificateUnknown", "{reason}");
        until("to be logged", async || {
            told(&server, &authority, Some(&good)).await;
            server.log().contains(reason)
        })
        .await;
    }
    let alert = told(&server, &authority, None).await;
    assert_eq!(alert, "received fatal alert: CertificateRequired");
    until("to be logged", async || {
        told(&server, &authority, Some(&good)).await;
        server.log().contains("peer sent no certificates")
    })
    .await;
    for line in server.log().lines().filter(|line| line.contains("a TLS handshake failed")) {
        println!("{line}");
    }

    // A list that comes later counts from then on, for new connections.
    let late = authority.revoked(&[&revoked, &good]);
    fs::write(server.home().path().join("crl.pem"), late).expect("the list");
    until("to be revoked", async || {
        told(&server, &authority, Some(&good)).await.contains("CertificateUnknown")
    })
    .await;
    server.stop().await;
}

/// A caller without any credentials but its connection's.
pub(crate) async fn bare(
    server: &Server,
    authority: &Authority,
    identity: &Issued,
    id: &str,
) -> Caller {
    let channel = connect(server, authority, Some(identity)).await.expect("a connection");
    let caller = Caller::new(channel, "shop");
    Caller { id: id.to_owned(), secret: String::new(), ..caller }
}

async fn introspects(caller: &Caller, token: &str) -> Result<bool, tonic::Status> {
    let request = IntrospectRequest { token: token.to_owned(), ..Default::default() };
    let answer = caller.stub.clone().introspect(Request::new(request)).await;
    answer.map(|answer| answer.into_inner().active)
}

#[tokio::test]
async fn a_certificate_is_as_good_as_the_secret_of_the_client_that_lists_it() {
    let authority = Authority::new("names");
    let settings = asking(Settings::standard(), "optional")
        .declare("shop", "certificates", r#"["dns:shop.example"]"#)
        .declare("rival", "certificates", r#"["uri:spiffe://example/rival"]"#);
    let server = Server::start_at(home_with(&authority, &[]), &settings).await;
    let shop = authority.client(10, &["SHOP.example", "https://example/shop"]);
    let rival = authority.client(11, &["spiffe://example/rival"]);

    let unnamed = bare(&server, &authority, &shop, "").await;
    let issued = unnamed.issue(client_credentials()).await.expect("a token for shop");
    assert!(introspects(&unnamed, &issued.access_token).await.expect("an answer"));
    let named = bare(&server, &authority, &shop, "shop").await;
    named.issue(client_credentials()).await.expect("the name that is the certificate's");

    let misnamed = bare(&server, &authority, &shop, "rival").await;
    assert_refused(
        misnamed.issue(client_credentials()).await,
        Code::Unauthenticated,
        "INVALID_CLIENT",
    );
    let other = bare(&server, &authority, &rival, "").await;
    assert!(!introspects(&other, &issued.access_token).await.expect("an answer"));

    // Another method beside the certificate is the one that counts.
    let by_secret = Caller { secret: "shop-secret".to_owned(), ..other.clone() };
    let by_secret = Caller { id: "shop".to_owned(), ..by_secret };
    let theirs = by_secret.issue(client_credentials()).await.expect("shop's, by its secret");
    assert!(introspects(&unnamed, &theirs.access_token).await.expect("an answer"));
    let wrong = Caller { secret: "wrong".to_owned(), id: "rival".to_owned(), ..other.clone() };
    assert_refused(
        wrong.issue(client_credentials()).await,
        Code::Unauthenticated,
        "INVALID_CLIENT",
    );
    // A public client is one by its name, for any certificate on its connection.
    let public = bare(&server, &authority, &shop, "app").await;
    let login = crate::common::caller::by_password("alice");
    public.issue(login).await.expect("a public client");

    // HTTP alike.
    let form = ("/oauth/token", "grant_type=client_credentials");
    let answer = post(&server, &authority, Some(&shop), form).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    let answer = post(&server, &authority, None, form).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    // Without a certificate, which is optional here, and with one that nobody lists.
    let none = connect(&server, &authority, None).await.expect("a connection");
    let none = Caller { secret: String::new(), ..Caller::new(none, "shop") };
    let stranger = authority.client(12, &["stranger.example"]);
    let stranger = bare(&server, &authority, &stranger, "").await;
    for caller in [none, stranger] {
        let refused = introspects(&caller, &issued.access_token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    server.stop().await;
}

#[tokio::test]
async fn certificates_are_given_and_taken_while_the_server_runs_and_two_holders_are_none() {
    let authority = Authority::new("changes");
    let settings = asking(with_admin(), "optional");
    let server = Server::start_at(home_with(&authority, &[]), &settings).await;
    let certificate = authority.client(10, &["orders.example"]);
    let caller = bare(&server, &authority, &certificate, "").await;
    let channel = connect(&server, &authority, None).await.expect("a connection");
    let admin = Admin {
        stub: jeton::proto::v1::admin_service_client::AdminServiceClient::new(channel),
        id: "root".to_owned(),
        secret: "root-secret".to_owned(),
    };
    let list = async |client_id: &str, certificates: &[&str]| {
        let mut client = admin.client(client_id).await;
        client.certificates = certificates.iter().map(|&text| text.to_owned()).collect();
        let update_mask = Some(prost_types::FieldMask { paths: vec!["certificates".to_owned()] });
        let request =
            UpdateClientRequest { client: Some(client), update_mask, ..Default::default() };
        admin.stub.clone().update_client(admin.signed(request)).await.expect("an update");
    };
    let issue = async || caller.issue(IssueTokenRequest { ..client_credentials() }).await;

    assert_refused(issue().await, Code::Unauthenticated, "INVALID_CLIENT");
    list("shop", &["dns:orders.example"]).await;
    issue().await.expect("shop's from now on");
    list("rival", &["dns:orders.example"]).await;
    assert_refused(issue().await, Code::Unauthenticated, "INVALID_CLIENT");
    server.logs("two clients list the certificate").await;
    // The request names one of the two clients that list it (RFC 8705 §2).
    for client_id in ["shop", "rival", "billing"] {
        let named = Caller { id: client_id.to_owned(), ..caller.clone() };
        let answer = named.issue(client_credentials()).await;
        if client_id == "billing" {
            assert_refused(answer, Code::Unauthenticated, "INVALID_CLIENT");
            continue;
        }
        let token = answer.expect("the named one's").access_token;
        // By Basic without a secret, where the request has no field for it.
        assert_eq!(named.introspect(&token).await.client_id, client_id);
    }
    list("shop", &[]).await;
    issue().await.expect("rival's from now on");
    list("rival", &[]).await;
    assert_refused(issue().await, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test]
async fn a_self_signed_certificate_stands_for_itself() {
    let authority = Authority::new("servers");
    let (known, unknown) = (Authority::self_signed("known"), Authority::self_signed("unknown"));
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "required");
    let settings = settings.set("tls", "client_ca", "ca.pem");
    let listed = format!("[{:?}]", known.identity());
    let settings = settings.declare("shop", "certificates", &listed);
    let home = home(&authority);
    fs::write(home.path().join("ca.pem"), &known.certificate).expect("whom to trust");
    let server = Server::start_at(home, &settings).await;
    let caller = bare(&server, &authority, &known, "").await;
    caller.issue(client_credentials()).await.expect("a token for shop");
    let alert = told(&server, &authority, Some(&unknown)).await;
    assert_eq!(alert, "received fatal alert: CertificateUnknown");
    server.stop().await;
}

#[tokio::test]
async fn whom_to_trust_changes_while_the_server_runs_and_open_connections_go_on() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "required");
    let settings = settings.set("tls", "client_ca", "ca.pem");
    let settings = settings.declare("shop", "certificates", r#"["dns:shop.example"]"#);
    let home = home(&old);
    let bundle = home.path().join("ca.pem");
    fs::write(&bundle, old.pem()).expect("whom to trust");
    let server = Server::start_at(home, &settings).await;
    let (of_old, of_new) = (old.client(1, &["shop.example"]), new.client(1, &["shop.example"]));
    let caller = bare(&server, &old, &of_old, "").await;
    let is_refused = async |identity: &Issued| {
        told(&server, &old, Some(identity)).await == "received fatal alert: CertificateUnknown"
    };
    assert!(is_refused(&of_new).await);

    fs::write(&bundle, old.pem() + &new.pem()).expect("both");
    until("to trust both", async || !is_refused(&of_new).await).await;
    assert!(!is_refused(&of_old).await);
    fs::write(&bundle, new.pem()).expect("the new one");
    until("to trust the new one alone", async || is_refused(&of_old).await).await;
    assert!(!is_refused(&of_new).await);
    caller.issue(client_credentials()).await.expect("a token over the connection from before");
    server.stop().await;
}
