//! Connections to a server with TLS: gRPC's, and bare ones that show what the handshake says.

use std::sync::Arc;

use rustls::{
    ClientConfig, DEFAULT_VERSIONS, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};

use crate::{
    authority::{Authority, Issued},
    common::{home::Home, server::Server, settings::Settings, wait::within},
};

/// Settings with the certificate that [`Issued::write`] writes.
pub(crate) fn with_certificate(settings: Settings) -> Settings {
    settings.set("tls", "cert", "server.pem").set("tls", "key", "server.key")
}

/// A home with a certificate of `authority`.
pub(crate) fn home(authority: &Authority) -> Home {
    let home = Home::new();
    authority.server(1).write(home.path());
    home
}

/// A gRPC connection, which trusts `authority` and shows `identity`.
pub(crate) async fn connect(
    server: &Server,
    authority: &Authority,
    identity: Option<&Issued>,
) -> Result<Channel, Error> {
    connect_at(server.address(), authority, identity).await
}

/// Connects in the same way to any listener.
pub(crate) async fn connect_at(
    address: &str,
    authority: &Authority,
    identity: Option<&Issued>,
) -> Result<Channel, Error> {
    let config = ClientTlsConfig::new().domain_name("localhost");
    let config = config.ca_certificate(Certificate::from_pem(authority.pem()));
    let config = match identity {
        Some(shown) => config.identity(Identity::from_pem(&shown.certificate, &shown.key)),
        None => config,
    };
    let url = format!("https://{address}");
    let endpoint = Endpoint::from_shared(url).and_then(|endpoint| endpoint.tls_config(config));
    within("to connect", endpoint.expect("an endpoint").connect()).await
}

/// Asks over HTTP, and hands back the whole answer.
pub(crate) async fn post(
    server: &Server,
    authority: &Authority,
    identity: Option<&Issued>,
    (path, form): (&str, &str),
) -> String {
    let stream = TcpStream::connect(server.http()).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let offer = Offer { identity, protocols: &["http/1.1"], versions: DEFAULT_VERSIONS };
    let connector = TlsConnector::from(Arc::new(config(authority, &offer)));
    let shaking = connector.connect(name, stream);
    let mut stream = within("to shake hands", shaking).await.expect("a handshake");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    within("to answer", stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

/// Offer of a bare handshake.
pub(crate) struct Offer<'a> {
    pub(crate) identity: Option<&'a Issued>,
    pub(crate) protocols: &'a [&'a str],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

/// Result of a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) protocol: Option<String>,
    pub(crate) version: Option<ProtocolVersion>,
    /// The server's certificate.
    pub(crate) certificate: Vec<u8>,
}

/// Shakes hands, and waits for the server's first word: it verifies after the handshake.
///
/// # Errors
/// Reasons that the other side gives: an alert.
pub(crate) async fn shake_hands(
    address: &str,
    authority: &Authority,
    offer: Offer<'_>,
) -> Result<Agreed, String> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let shaking = TlsConnector::from(Arc::new(config(authority, &offer))).connect(name, stream);
    let mut stream = within("to shake hands", shaking).await.map_err(|error| error.to_string())?;
    let (_, session) = stream.get_ref();
    let agreed = Agreed {
        protocol: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        version: session.protocol_version(),
        certificate: session.peer_certificates().expect("certificates")[0].to_vec(),
    };
    if offer.protocols == ["h2"] {
        // SETTINGS come from the server without being asked for.
        let read = within("to hear something", stream.read_u8()).await;
        read.map_err(|error| error.to_string())?;
    }
    Ok(agreed)
}

fn config(authority: &Authority, offer: &Offer<'_>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM");
    roots.add(root).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(offer.versions).expect("versions");
    let builder = builder.with_root_certificates(roots);
    let mut config = match offer.identity {
        Some(shown) => {
            let chain = CertificateDer::pem_slice_iter(shown.certificate.as_bytes());
            let chain = chain.collect::<Result<_, _>>().expect("a chain");
            let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("an identity")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = offer.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
