//! TLS to a server from the files that flags, the environment or a profile name.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use zeroize::Zeroizing;

use super::{CliError, encryption::Encryption, profile::Profile};

impl Encryption {
    /// The same files, named from the root.
    pub(super) fn absolute(&self) -> Result<Self, CliError> {
        let Self { ca, cert, key } = self;
        Ok(Self {
            ca: from_root(ca.as_deref())?,
            cert: from_root(cert.as_deref())?,
            key: from_root(key.as_deref())?,
        })
    }

    /// Returns the files that flags, the environment or the profile name.
    pub(super) fn files(&self, profile: &Profile) -> Vec<PathBuf> {
        let named = |own: &Option<PathBuf>, profile: &Option<PathBuf>| {
            let own = own.clone().filter(|path| !path.as_os_str().is_empty());
            own.or_else(|| profile.clone())
        };
        let (own, profile) = (self, &profile.encryption);
        let files = [
            named(&own.ca, &profile.ca),
            named(&own.cert, &profile.cert),
            named(&own.key, &profile.key),
        ];
        files.into_iter().flatten().collect()
    }

    /// Returns the TLS settings for the server at `url`, or `None` if the URL has no TLS. Flags and
    /// environment come before the profile.
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

/// Returns the same path from the root; none for an empty one.
pub(super) fn from_root(path: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    let path = path.filter(|path| !path.as_os_str().is_empty());
    let absolute = path.map(std::path::absolute).transpose();
    absolute.map_err(|error| CliError::Io("the working directory", error))
}

/// Name of a key's file in messages: the text that was given for its path may be the key.
const KEY: &str = "the private key (--key, JETON_KEY, or the profile's)";

fn read(path: &Path, shown: &dyn Display) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let bytes = fs::read(path).map_err(|error| CliError::File(shown.to_string(), error))?;
    Ok(Zeroizing::new(bytes))
}
