//! TLS to the server: whom a command trusts, and what it proves itself with.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use zeroize::Zeroizing;

use super::{CliError, connection::HEADING, profile::Profile};

/// The files of one side of TLS.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Encryption {
    /// For an https:// server: the CAs that may have issued its certificate, a PEM file; those that
    /// this machine trusts unless given
    #[arg(long, env = "JETON_CA", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) ca: Option<PathBuf>,

    /// For an https:// server: the certificate to show it, a PEM file
    #[arg(long, env = "JETON_CERT", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) cert: Option<PathBuf>,

    /// For an https:// server: the private key of that certificate, a PEM file
    #[arg(long, env = "JETON_KEY", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) key: Option<PathBuf>,
}

impl Encryption {
    /// The same files, named from the root.
    pub(super) fn absolute(&self) -> Result<Self, CliError> {
        let named = |path: &Option<PathBuf>| {
            let path = path.as_ref().filter(|path| !path.as_os_str().is_empty());
            let named = path.map(std::path::absolute).transpose();
            named.map_err(|error| CliError::Io("the working directory", error))
        };
        Ok(Self { ca: named(&self.ca)?, cert: named(&self.cert)?, key: named(&self.key)? })
    }

    /// TLS to the server at `url`, or `None` where none is wanted. What flags and environment leave
    /// open the profile may say.
    pub(super) fn towards(
        &self,
        url: &str,
        profile: &Profile,
    ) -> Result<Option<ClientTlsConfig>, CliError> {
        let given = |own: &Option<PathBuf>, profile: &Option<PathBuf>| {
            let own = own.clone().filter(|path| !path.as_os_str().is_empty());
            own.or_else(|| profile.clone())
        };
        let ca = given(&self.ca, &profile.encryption.ca);
        let cert = given(&self.cert, &profile.encryption.cert);
        let key = given(&self.key, &profile.encryption.key);
        if !url.starts_with("https://") {
            if ca.is_some() || cert.is_some() || key.is_some() {
                return Err(CliError::Usage(
                    "a CA, certificate or key is for an https:// server: give --server one",
                ));
            }
            return Ok(None);
        }
        let config = match ca {
            Some(ca) => ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&*read(&ca, &ca.display())?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match (cert, key) {
            (Some(cert), Some(key)) => {
                let identity =
                    Identity::from_pem(&*read(&cert, &cert.display())?, &*read(&key, &KEY)?);
                Ok(Some(config.identity(identity)))
            }
            (None, None) => Ok(Some(config)),
            _ => Err(CliError::Usage("a certificate and its key go together: --cert and --key")),
        }
    }
}

/// What is said of the file of a key: what was given for its path may be the key.
const KEY: &str = "the private key (--key, JETON_KEY, or the profile's)";

fn read(path: &Path, shown: &dyn Display) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let bytes = fs::read(path).map_err(|error| CliError::File(shown.to_string(), error))?;
    Ok(Zeroizing::new(bytes))
}
