//! TLS to the database: with rustls, and always unless the database is on this machine or the URL says else.

use std::{net::IpAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::OpenError;

/// What connections are encrypted with. The server's certificate must be good for its host name, by
/// the CAs in the PEM file `ca` or by those of the system.
pub(super) fn connector(ca: Option<&Path>) -> Result<MakeRustlsConnect, OpenError> {
    let failed = |problem: String| OpenError::Tls(problem.into());
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let shown = path.display();
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| failed(format!("{shown}: {error}")))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| failed(format!("{shown}: {error}")))?;
            roots.add(certificate).map_err(|error| failed(format!("{shown}: {error}")))?;
        }
        if roots.is_empty() {
            return Err(failed(format!("{shown} holds no certificate")));
        }
    } else {
        // None at all shows when a connection is made.
        let found = rustls_native_certs::load_native_certs().certs;
        let _counts = roots.add_parsable_certificates(found);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What holds where the URL says nothing of `sslmode`.
pub(super) fn default_mode(config: &Config) -> SslMode {
    let local = config.get_hosts().iter().all(is_local);
    if local { SslMode::Disable } else { SslMode::Require }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[test]
    fn without_a_word_on_it_whatever_leaves_the_machine_is_encrypted() {
        for (hosts, expected) in [
            ("127.0.0.1", SslMode::Disable),
            ("localhost:5432,[::1]:5433", SslMode::Disable),
            ("%2Fvar%2Frun%2Fpostgresql", SslMode::Disable),
            ("db.example.internal", SslMode::Require),
            ("127.0.0.1,10.0.0.7", SslMode::Require),
        ] {
            let config = Config::from_str(&format!("postgres://jeton@{hosts}/tokens"));
            assert_eq!(default_mode(&config.expect("a URL")), expected, "{hosts}");
        }
    }
}
