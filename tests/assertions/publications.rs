//! Places where keys are published: good ones, and those that misbehave.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::Uri;
use jeton::{
    config::{KeyPlace, KeyUrl},
    jwks::PublishedKeys,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::publisher::{Publisher, Then, ok};
use crate::common::issuer::{SigningKey, jwks};

fn place(uri: &str) -> KeyPlace {
    KeyPlace::Url(KeyUrl { uri: uri.parse::<Uri>().expect("a URL"), ca: None, bearer: None })
}

/// The number of keys, or the message about them.
async fn read(place: KeyPlace) -> Result<usize, String> {
    let read = PublishedKeys::at(place).read().await;
    read.map(|publication| publication.keys.len()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn keys_are_asked_for_with_one_plain_get() {
    let keys = jwks(&[SigningKey::p256("k1"), SigningKey::rsa("k2")]);
    let mut publisher = Publisher::answering(ok(&keys), Then::Hang).await;
    assert_eq!(read(place(&publisher.url())).await, Ok(2));
    let request = publisher.requests.recv().await.expect("a request");
    let (line, headers) = request.split_once("\r\n").expect("a line");
    assert_eq!(line, "GET /keys HTTP/1.1");
    assert!(headers.contains(&format!("host: 127.0.0.1:{}\r\n", publisher.port)), "{headers}");
    assert!(!headers.contains("authorization") && !headers.contains("cookie"), "{headers}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let mut elsewhere =
        Publisher::answering(ok(&jwks(&[SigningKey::p256("k")])), Then::Close).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let location = format!("http://127.0.0.1:{}/keys", elsewhere.port);
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let publisher = Publisher::answering(answer, Then::Close).await;
        let refused = read(place(&publisher.url())).await.expect_err("refused");
        assert!(refused.contains("redirects are not followed"), "{refused}");
    }
    assert!(elsewhere.requests.try_recv().is_err(), "nobody was sent there");
}

#[tokio::test]
async fn answers_that_are_no_key_set_are_refused_and_not_shown() {
    let secret = "S3CRET";
    for (answer, message) in [
        (ok(&format!("<html>{secret}</html>")), "no JSON Web Key Set"),
        (ok(r#"{"keys":[]}"#), "no key that verifies signatures"),
        (
            format!("HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n{secret}"),
            "403 Forbidden: name a token",
        ),
        (format!("HTTP/1.1 500 Oops\r\ncontent-length: 6\r\n\r\n{secret}"), "500"),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), "204"),
        (format!("SSH-2.0-{secret}\r\n"), "no answer"),
        (String::new(), "no answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_owned(), "no answer"),
        (format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000)), "no answer"),
    ] {
        let publisher = Publisher::answering(answer, Then::Close).await;
        let refused = read(place(&publisher.url())).await.expect_err("refused");
        assert!(refused.contains(message), "{refused}");
        assert!(refused.starts_with("http://127.0.0.1:") && !refused.contains(secret), "{refused}");
    }
}

#[tokio::test]
async fn an_answer_of_10_mib_is_not_read_to_its_end() {
    let body = vec![b' '; 10 * 1024 * 1024];
    let declared = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA00000\r\n".to_owned();
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    for head in [declared, chunked, endless] {
        let publisher = Publisher::answering([head.as_bytes(), &body].concat(), Then::Hang).await;
        let refused = read(place(&publisher.url())).await.expect_err("refused");
        assert!(refused.ends_with("the answer is longer than 1024 KiB"), "{refused}");
    }
}

/// Time is paused: it goes on as far as the next limit when everybody waits.
#[tokio::test(start_paused = true)]
async fn a_publisher_that_hangs_is_left_after_ten_seconds() {
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let publisher = Publisher::answering(answer, Then::Hang).await;
        let refused = read(place(&publisher.url())).await.expect_err("refused");
        assert!(refused.ends_with("no answer within 10 seconds"), "{refused}");
    }
}

#[tokio::test]
async fn nobody_who_listens_is_a_fault_of_the_moment() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let mut published = PublishedKeys::at(place(&format!("http://127.0.0.1:{port}/keys")));
    let error = published.read().await.map(drop).expect_err("nobody listens");
    assert!(!error.is_lasting() && error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn a_file_is_read_up_to_1_mib_and_its_contents_are_not_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.json");
    let mut published = PublishedKeys::at(KeyPlace::File(path.clone()));
    let missing = published.read().await.map(drop).expect_err("it is not there");
    assert!(missing.is_lasting() && missing.to_string().contains("keys.json"), "{missing}");
    fs::write(&path, jwks(&[SigningKey::p256("k1")])).expect("a file");
    let first = published.read().await.expect("keys");
    assert!(first.keys.len() == 1 && first.news.is_some());
    assert!(published.read().await.expect("keys").news.is_none(), "nothing is new");
    fs::write(&path, jwks(&[SigningKey::p256("k1"), SigningKey::p256("k2")])).expect("a file");
    assert_eq!(published.read().await.expect("keys").keys.len(), 2);
    for text in ["S3CRET".to_owned(), " ".repeat(1024 * 1024 + 1)] {
        fs::write(&path, text).expect("a file");
        let refused = published.read().await.map(drop).expect_err("refused");
        assert!(refused.is_lasting() && !refused.to_string().contains("S3CRET"), "{refused}");
    }
}

/// A certificate for localhost, in a file, and the acceptor that shows it.
fn certified(directory: &Path) -> (PathBuf, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = directory.join("ca.pem");
    fs::write(&path, made.cert.pem()).expect("a file");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    (path, TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_token_goes_to_an_issuer_that_the_ca_vouches_for_and_to_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ca, tls) = certified(directory.path());
    let keys = jwks(&[SigningKey::p256("k1")]);
    let mut publisher = Publisher::behind(ok(&keys), Then::Hang, Some(tls)).await;
    let bearer = directory.path().join("token");
    fs::write(&bearer, "S3CRET\n").expect("a file");
    let url = |host: &str, ca: Option<&Path>| {
        let uri = format!("https://{host}:{}/keys", publisher.port).parse().expect("a URL");
        let (ca, bearer) = (ca.map(Path::to_owned), Some(bearer.clone()));
        KeyPlace::Url(KeyUrl { uri, ca, bearer })
    };
    // Another CA, and another name than the certificate's.
    for refused in [url("localhost", None), url("127.0.0.1", Some(&ca))] {
        let refused = read(refused).await.expect_err("refused");
        assert!(refused.contains("no connection") && !refused.contains("S3CRET"), "{refused}");
    }
    assert!(publisher.requests.try_recv().is_err(), "nobody was shown the token");
    let good = url("localhost", Some(&ca));
    assert_eq!(read(good.clone()).await, Ok(1));
    let request = publisher.requests.recv().await.expect("a request");
    assert!(request.contains("authorization: Bearer S3CRET\r\n"), "{request}");
    fs::write(&bearer, "N3XT").expect("a file");
    assert_eq!(read(good.clone()).await, Ok(1));
    let request = publisher.requests.recv().await.expect("a request");
    assert!(request.contains("authorization: Bearer N3XT\r\n"), "{request}");
    for text in ["", "\n", "two\nlines"] {
        fs::write(&bearer, text).expect("a file");
        let refused = read(good.clone()).await.expect_err("refused");
        assert!(refused.ends_with("it holds no token"), "{refused}");
    }
}
