//! X.509-SVIDs: a SPIFFE ID is the one name of its certificate, and its trust domain's authorities alone
//! vouch for it.

use std::fs;

use tonic::Code;

use crate::{
    authority::{Authority, Issued},
    clients::{bare, told},
    common::{
        caller::client_credentials, home::Home, refusal::assert_refused, server::Server,
        settings::Settings, wait::until,
    },
    encrypted::{home, with_certificate},
};

const ORDERS: &str = "spiffe://shop.example/ns/shop/sa/orders";
const REFUSED: &str = "received fatal alert: CertificateUnknown";

/// A server that trusts `bundle`, and where `shop` is the workload [`ORDERS`].
async fn start(server: &Authority, bundle: &[&Authority]) -> Server {
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "optional");
    let settings = settings
        .set("tls", "client_ca", "bundle.pem")
        .declare("shop", "certificates", &format!("[\"uri:{ORDERS}\"]"))
        .declare("rival", "certificates", r#"["dns:billing.example"]"#);
    let place = home(server);
    write(&place, bundle);
    Server::start_at(place, &settings).await
}

/// Puts a bundle in place of the one before, whole.
fn write(place: &Home, bundle: &[&Authority]) {
    let pem: String = bundle.iter().map(|authority| authority.pem()).collect();
    let new = place.path().join("bundle.new");
    fs::write(&new, pem).expect("a file");
    fs::rename(new, place.path().join("bundle.pem")).expect("renamed");
}

async fn is_shop(server: &Server, ours: &Authority, svid: &Issued, client_id: &str) -> bool {
    let issued = bare(server, ours, svid, client_id).await.issue(client_credentials()).await;
    match issued {
        Ok(_) => true,
        refused => {
            assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
            false
        }
    }
}

#[tokio::test]
async fn an_svid_is_the_client_that_lists_its_id_and_none_of_its_other_names_counts() {
    let (ours, domain) = (Authority::new("ours"), Authority::of_domain("shop.example"));
    let server = start(&ours, &[&domain]).await;
    let svid = domain.client(1, &["billing.example", ORDERS]);
    assert!(is_shop(&server, &ours, &svid, "").await);
    assert!(is_shop(&server, &ours, &svid, "shop").await);
    assert!(!is_shop(&server, &ours, &svid, "rival").await, "by its DNS name");
    for other in [
        "spiffe://shop.example/ns/shop/sa/order",
        "spiffe://shop.example/ns/shop/sa/orders/x",
        "spiffe://shop.example/ns/shop/sa/Orders",
    ] {
        assert!(!is_shop(&server, &ours, &domain.client(2, &[other]), "").await, "{other}");
    }
    // Rotated: another certificate and key of the same ID.
    assert!(is_shop(&server, &ours, &domain.client(3, &[ORDERS]), "").await);
    server.stop().await;
}

#[tokio::test]
async fn what_claims_an_id_and_is_no_svid_is_refused() {
    let (ours, domain) = (Authority::new("ours"), Authority::of_domain("shop.example"));
    let server = start(&ours, &[&domain]).await;
    let twice = [ORDERS, "spiffe://shop.example/ns/shop/sa/billing"];
    for names in [
        &twice[..],
        &["https://shop.example", ORDERS],
        &["spiffe://shop.example"],
        &["spiffe://shop.example/../orders"],
        &["spiffe://Shop.example/orders"],
        &["SPIFFE://shop.example/ns/shop/sa/orders"],
    ] {
        let alert = told(&server, &ours, Some(&domain.client(4, names))).await;
        assert_eq!(alert, REFUSED, "{names:?}");
    }
    let alert = told(&server, &ours, Some(&domain.signing_client(5, &[ORDERS]))).await;
    assert_eq!(alert, REFUSED);
    assert_eq!(told(&server, &ours, Some(&domain.expired_client(6, &[ORDERS]))).await, REFUSED);
    assert_eq!(told(&server, &ours, Some(&domain.client(7, &[ORDERS]))).await, "welcome");
    server.logs("a TLS handshake failed").await;
    server.stop().await;
}

#[tokio::test]
async fn an_authority_vouches_for_its_own_trust_domain_and_for_no_other() {
    let ours = Authority::new("ours");
    let (domain, other) =
        (Authority::of_domain("shop.example"), Authority::of_domain("far.example"));
    let everywhere = Authority::new("of no domain");
    let server = start(&ours, &[&domain, &other, &everywhere]).await;
    let forged = told(&server, &ours, Some(&other.client(1, &[ORDERS]))).await;
    assert_eq!(forged, REFUSED, "a federated trust domain forges an ID of ours");
    let unknown = other.client(2, &["spiffe://third.example/orders"]);
    assert_eq!(told(&server, &ours, Some(&unknown)).await, REFUSED);
    let theirs = other.client(3, &["spiffe://far.example/ns/shop/sa/orders"]);
    assert!(!is_shop(&server, &ours, &theirs, "").await, "of the other domain");
    assert!(is_shop(&server, &ours, &domain.client(4, &[ORDERS]), "").await);
    assert!(is_shop(&server, &ours, &everywhere.client(5, &[ORDERS]), "").await);
    // A certificate without an ID is no matter of trust domains.
    let by_name = domain.client(6, &["billing.example"]);
    let named = bare(&server, &ours, &by_name, "").await.issue(client_credentials()).await;
    named.expect("rival, by its DNS name");
    server.stop().await;
}

#[tokio::test]
async fn a_trust_bundle_is_followed_without_a_restart() {
    let ours = Authority::new("ours");
    let (before, after) =
        (Authority::of_domain("shop.example"), Authority::of_domain("shop.example"));
    let server = start(&ours, &[&before]).await;
    let (old, new) = (before.client(1, &[ORDERS]), after.client(2, &[ORDERS]));
    assert!(is_shop(&server, &ours, &old, "").await);
    assert_eq!(told(&server, &ours, Some(&new)).await, REFUSED);
    let kept = bare(&server, &ours, &old, "").await;

    let takes = async |svid| told(&server, &ours, Some(svid)).await == "welcome";
    write(server.home(), &[&before, &after]);
    until("the next authority", async || takes(&new).await).await;
    assert!(is_shop(&server, &ours, &new, "").await && is_shop(&server, &ours, &old, "").await);
    // A bundle that holds nothing changes nothing.
    write(server.home(), &[]);
    server.logs("certificates on disk are refused").await;
    assert!(is_shop(&server, &ours, &new, "").await);
    write(server.home(), &[&after]);
    until("the authority before to end", async || !takes(&old).await).await;
    assert!(is_shop(&server, &ours, &new, "").await);
    kept.issue(client_credentials()).await.expect("on its open connection");
    server.stop().await;
}
