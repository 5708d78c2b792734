//! TLS to the database, by rustls: always, unless the database is on this machine or the URL
//! disables it.

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::geteuid;
use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{OpenError, any_name::AnyName};

/// The verification of the database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Connections are not encrypted.
    Disable,
    /// Connections are encrypted if the server supports it, and verified as in
    /// [`Self::VerifyFull`].
    Prefer,
    /// The server needs a certificate of a trusted CA, for any name.
    VerifyCa,
    /// The server needs a certificate of a trusted CA for its host name.
    VerifyFull,
}

/// The client's certificate for the server, in PEM files.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate, followed by the intermediate certificates up to its CA.
    pub cert: PathBuf,
    /// Private key of the certificate.
    pub key: PathBuf,
}

/// Options of the encryption.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// `None` stands for no encryption to this machine and [`TlsMode::VerifyFull`] to any other.
    pub mode: Option<TlsMode>,
    /// Trusted CAs for the server's certificate, in PEM. `None` stands for the system's CAs.
    pub ca: Option<PathBuf>,
    /// Sent if the server asks for a certificate.
    pub identity: Option<ClientCertificate>,
}

impl TlsOptions {
    /// Creates the TLS connector.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, OpenError> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(roots(self.ca.as_deref())?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = if self.mode == Some(TlsMode::VerifyCa) {
            let verifier = any_name(&roots, provider)?;
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(roots)
        };
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (certificates, key) = identity.read()?;
                builder.with_client_auth_cert(certificates, key).map_err(failed)?
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }

    /// Returns the driver's TLS mode.
    pub(super) fn ssl_mode(&self, config: &Config) -> SslMode {
        match self.mode {
            None if is_here(config) => SslMode::Disable,
            Some(TlsMode::Disable) => SslMode::Disable,
            Some(TlsMode::Prefer) => SslMode::Prefer,
            None | Some(TlsMode::VerifyCa | TlsMode::VerifyFull) => SslMode::Require,
        }
    }
}

impl ClientCertificate {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), OpenError> {
        let certificates = certificates(&self.cert)?;
        let shown = self.key.display();
        let file = fs::metadata(&self.key).map_err(|error| failed(format!("{shown}: {error}")))?;
        let handed_over = file.uid() == 0 && !geteuid().is_root();
        if file.mode() & if handed_over { 0o037 } else { 0o077 } != 0 {
            let problem = "must not be readable by group or others: chmod 600";
            return Err(failed(format!("{shown}: {problem}")));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key);
        Ok((certificates, key.map_err(|error| failed(format!("{shown}: {error}")))?))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over by `map_err`")]
fn failed(problem: impl ToString) -> OpenError {
    OpenError::Tls(problem.to_string().into())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let shown = path.display();
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| failed(format!("{shown}: {error}")))?;
    if found.is_empty() {
        return Err(failed(format!("{shown} holds no certificate")));
    }
    Ok(found)
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        // A missing set of roots shows at the first connection.
        let found = rustls_native_certs::load_native_certs().certs;
        let _counts = roots.add_parsable_certificates(found);
        return Ok(roots);
    };
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| failed(format!("{}: {error}", path.display())))?;
    }
    Ok(roots)
}

fn any_name(
    roots: &Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<AnyName>, OpenError> {
    let algorithms = provider.signature_verification_algorithms;
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider).build();
    Ok(Arc::new(AnyName::new(inner.map_err(failed)?, Arc::clone(roots), algorithms)))
}

/// Returns `true` if no connection leaves the machine. `hostaddr` determines the destination, at
/// any `host`.
fn is_here(config: &Config) -> bool {
    config.get_hosts().iter().all(is_local)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
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

    fn ssl_mode(hosts: &str, mode: Option<TlsMode>) -> SslMode {
        let config = Config::from_str(&format!("postgres://jeton@{hosts}/tokens"));
        TlsOptions { mode, ..TlsOptions::default() }.ssl_mode(&config.expect("a URL"))
    }

    #[test]
    fn without_a_word_on_it_whatever_leaves_the_machine_is_encrypted() {
        for (hosts, expected) in [
            ("127.0.0.1", SslMode::Disable),
            ("localhost:5432,[::1]:5433", SslMode::Disable),
            ("%2Fvar%2Frun%2Fpostgresql", SslMode::Disable),
            ("db.example.internal", SslMode::Require),
            ("127.0.0.1,10.0.0.7", SslMode::Require),
        ] {
            assert_eq!(ssl_mode(hosts, None), expected, "{hosts}");
        }
    }

    #[test]
    fn an_address_beside_a_local_name_decides() {
        for (address, expected) in
            [("127.0.0.1", SslMode::Disable), ("192.0.2.7", SslMode::Require)]
        {
            let url = format!("postgres://jeton@localhost/tokens?hostaddr={address}");
            let config = Config::from_str(&url).expect("a URL");
            assert_eq!(TlsOptions::default().ssl_mode(&config), expected, "{address}");
        }
    }

    #[test]
    fn what_the_url_says_of_it_holds_for_every_host() {
        for hosts in ["127.0.0.1", "db.example.internal"] {
            for (mode, expected) in [
                (TlsMode::Disable, SslMode::Disable),
                (TlsMode::Prefer, SslMode::Prefer),
                (TlsMode::VerifyCa, SslMode::Require),
                (TlsMode::VerifyFull, SslMode::Require),
            ] {
                assert_eq!(ssl_mode(hosts, Some(mode)), expected, "{hosts} {mode:?}");
            }
        }
    }
}
