//! The connection to an issuer: TCP, and TLS unless it is on this machine.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::config::KeyUrl;

/// Reason for which there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The CAs that the settings name cannot be used.
    #[error("the CA file {0}")]
    Roots(String),
    /// No connection, or no TLS.
    #[error("no connection: {0}")]
    Io(#[from] io::Error),
}

/// A connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects. The CAs are read each time: a new file counts at once.
pub(super) async fn connect(url: &KeyUrl) -> Result<Stream, ConnectError> {
    let host = url.uri.host().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_plain = url.uri.scheme_str() == Some("http");
    let port = url.uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    if is_plain {
        return Ok(Stream::Plain(TcpStream::connect((name.as_str(), port)).await?));
    }
    let config = config(url.ca.as_deref())?;
    let stream = TcpStream::connect((name.as_str(), port)).await?;
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn config(ca: Option<&Path>) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => {
            // A missing set of roots shows at the connection.
            let found = rustls_native_certs::load_native_certs().certs;
            let _counts = roots.add_parsable_certificates(found);
        }
        Some(path) => {
            let fault = |error: &dyn std::fmt::Display| {
                ConnectError::Roots(format!("{}: {error}", path.display()))
            };
            let found = CertificateDer::pem_file_iter(path);
            let found = found.and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let found = found.map_err(|error| fault(&error))?;
            if found.is_empty() {
                return Err(fault(&"it holds no certificate"));
            }
            for certificate in found {
                roots.add(certificate).map_err(|error| fault(&error))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
