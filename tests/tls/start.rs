//! Certificates with which a server does or does not start, and the results of handshakes.

use std::fs;

use rustls::{DEFAULT_VERSIONS, ProtocolVersion, version::TLS12};

use crate::{
    authority::Authority,
    common::{
        admin::with_admin,
        command::{jeton, text},
        home::Home,
        server::Server,
        settings::Settings,
    },
    encrypted::{Offer, home, shake_hands, with_certificate},
};

#[tokio::test]
async fn a_server_does_not_start_with_certificates_that_are_no_good() {
    let authority = Authority::new("refused");
    let (good, other, expired) =
        (authority.server(1), authority.server(2), authority.expired_server());
    let settings = with_certificate(Settings::standard());
    for (certificate, key, reason) in [
        (None, Some(&*good.key), "server.pem: No such file"),
        (Some(&*good.certificate), None, "which tls.key names: No such file"),
        (Some(""), Some(&*good.key), "server.pem: holds no certificate in PEM"),
        (Some("-----BEGIN CERTIFICATE-----\n!"), Some(&*good.key), "server.pem: is not PEM"),
        (Some(&*good.certificate), Some(""), "server.key: holds no private key"),
        (Some(&*good.certificate), Some(&*other.key), "does not belong to the certificate"),
        (Some(&*expired.certificate), Some(&*expired.key), "has expired on 2020-01-01T00:00:00Z"),
    ] {
        let home = Home::new();
        for (file, bytes) in [("server.pem", certificate), ("server.key", key)] {
            if let Some(bytes) = bytes {
                fs::write(home.path().join(file), bytes).expect("a file");
            }
        }
        let said = Server::fail_to_start(&home, &settings).await;
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(!home.data().exists(), "nothing was begun: {reason}");
    }
}

#[tokio::test]
async fn check_deep_tells_how_long_the_certificate_lasts_and_what_is_wrong_with_it() {
    let authority = Authority::new("examined");
    let settings = with_certificate(Settings::standard());
    let home = Server::start_at(home(&authority), &settings).await.stop().await;
    let config = home.path().join("jeton.toml");
    let check = || {
        let mut check = jeton(&home, &["check", "--deep", "--config", text(&config)]);
        for listener in ["JETON_GRPC_LISTEN", "JETON_HTTP_LISTEN", "JETON_OPS_LISTEN"] {
            check.env(listener, "127.0.0.1:0");
        }
        let checked = check.output().expect("jeton runs");
        (checked.status.code(), String::from_utf8(checked.stdout).expect("UTF-8"))
    };
    let (code, said) = check();
    assert!(said.contains("good    certificate: it can be used for "), "{said}");
    assert_eq!(code, Some(0), "{said}");

    authority.expired_server().write(home.path());
    let (code, said) = check();
    assert!(
        said.contains("error   certificate: ") && said.contains("has expired on 2020"),
        "{said}"
    );
    assert_eq!(code, Some(1), "{said}");
}

#[tokio::test]
async fn a_server_does_not_start_without_whom_it_should_trust() {
    let authority = Authority::new("trusted");
    let settings = with_certificate(Settings::standard()).set("tls", "client_auth", "required");
    let settings = settings.set("tls", "client_ca", "ca.pem").set("tls", "crl", "crl.pem");
    for (ca, list, reason) in [
        ("", authority.revoked(&[]), "ca.pem: holds no certificate in PEM"),
        (&*authority.pem(), String::new(), "crl.pem: holds no revocation list in PEM"),
    ] {
        let home = home(&authority);
        fs::write(home.path().join("ca.pem"), ca).expect("a file");
        fs::write(home.path().join("crl.pem"), list).expect("a file");
        let said = Server::fail_to_start(&home, &settings).await;
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

#[tokio::test]
async fn grpc_speaks_h2_alone_and_http_http_1_1_alone_over_tls_1_3_and_1_2() {
    let authority = Authority::new("agreed");
    let settings = with_certificate(Settings::standard());
    let server = Server::start_at(home(&authority), &settings).await;
    let (grpc, http) = (server.address().to_owned(), server.http());
    for (address, offered, agreed) in [
        (&grpc, ["h2", "http/1.1"], "h2"),
        (&grpc, ["http/1.1", "h2"], "h2"),
        (&http, ["h2", "http/1.1"], "http/1.1"),
    ] {
        for (versions, version) in [
            (DEFAULT_VERSIONS, ProtocolVersion::TLSv1_3),
            (&[&TLS12][..], ProtocolVersion::TLSv1_2),
        ] {
            let offer = Offer { identity: None, protocols: &offered, versions };
            let done = shake_hands(address, &authority, offer).await.expect("a handshake");
            assert_eq!(done.protocol.as_deref(), Some(agreed), "{address} {offered:?}");
            assert_eq!(done.version, Some(version));
        }
    }
    let offer = Offer { identity: None, protocols: &["http/1.1"], versions: DEFAULT_VERSIONS };
    let refused = shake_hands(&grpc, &authority, offer).await.expect_err("no common protocol");
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn the_command_line_connects_with_a_ca() {
    let authority = Authority::new("commands");
    let settings = with_certificate(Settings::standard());
    let server = Server::start_at(home(&authority), &settings).await;
    let ca = server.home().path().join("ca.pem");
    fs::write(&ca, authority.pem()).expect("the CA");
    let port = server.address().rsplit(':').next().expect("a port");
    let (url, plain) = (format!("https://localhost:{port}"), server.url());
    let health = |arguments: &[&str]| {
        let output = jeton(server.home(), arguments).output().expect("jeton runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = health(&["health", "--server", &url, "--ca", text(&ca)]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = health(&["health", "--server", &url]);
    assert_eq!(code, Some(1), "a CA that nobody knows: {said}");
    assert!(said.contains("name its CA with --ca"), "{said}");
    let (code, said) = health(&["health", "--server", &plain]);
    assert_eq!(code, Some(1), "without TLS");
    assert!(said.contains("speaks TLS: https://"), "{said}");
    let other = format!("https://127.0.0.1:{port}");
    let (_, said) = health(&["health", "--server", &other, "--ca", text(&ca)]);
    assert!(said.contains("is for another name"), "{said}");
    let http = server.http_address().replace("127.0.0.1", "localhost");
    let http = format!("https://{}", http.rsplit('/').next().expect("an address"));
    let (_, said) = health(&["health", "--server", &http, "--ca", text(&ca)]);
    assert!(said.contains("not the gRPC listener"), "{said}");
    // For probes that speak none.
    let ops = format!("http://{}", server.ops().await.address);
    let (code, said) = health(&["health", "--server", &ops]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = health(&["health", "--server", &plain, "--ca", text(&ca)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("https://"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn the_command_line_needs_no_secret_beside_a_certificate() {
    let authority = Authority::new("operators");
    let settings = with_certificate(with_admin()).set("tls", "client_auth", "optional");
    let settings = settings.set("tls", "client_ca", "ca.pem");
    let settings = settings.declare("root", "certificates", r#"["dns:operator.example"]"#);
    let home = home(&authority);
    let operator = authority.client(10, &["operator.example"]);
    let stranger = authority.client(11, &["stranger.example"]);
    for (file, pem) in [
        ("ca.pem", &authority.pem()),
        ("operator.pem", &operator.certificate),
        ("operator.key", &operator.key),
        ("stranger.pem", &stranger.certificate),
        ("stranger.key", &stranger.key),
    ] {
        fs::write(home.path().join(file), pem).expect("a file");
    }
    let server = Server::start_at(home, &settings).await;
    let port = server.address().rsplit(':').next().expect("a port");
    let url = format!("https://localhost:{port}");
    for (who, code) in [("operator", 0), ("stranger", 1)] {
        let (certificate, key) = (format!("{who}.pem"), format!("{who}.key"));
        let shown = ["--ca", "ca.pem", "--cert", &certificate, "--key", &key];
        let asked = ["status", "--server", &url, "--client-id", "root"];
        let output = jeton(server.home(), &[&asked[..], &shown].concat()).output();
        let output = output.expect("jeton runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{who}: {said}");
    }
    server.stop().await;
}
