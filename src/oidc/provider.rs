//! An identity provider, by the metadata that it publishes (OIDC Discovery 1.0 §3, §4).

use std::path::PathBuf;

use serde::Deserialize;

use super::OidcError;
use crate::{config::KeyUrl, jwks};

/// Longest metadata, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// An identity provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its issuer, as its ID tokens have it.
    pub issuer: String,
    /// The page that people log in at.
    pub(super) authorization_endpoint: KeyUrl,
    /// The address that takes codes.
    pub(super) token_endpoint: KeyUrl,
    /// Its answers name their issuer (RFC 9207 §3).
    pub(super) names_issuer: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl Provider {
    /// Reads the metadata of the provider with that issuer: https, or http to this machine. `ca` is a
    /// file with the CAs that its certificate may be of; `None` stands for the system's.
    ///
    /// # Errors
    /// `Issuer`, `Unreachable`, and `Unusable` for metadata of another issuer, for endpoints in
    /// plaintext, and for a provider without PKCE by SHA-256.
    pub async fn discover(issuer: &str, ca: Option<PathBuf>) -> Result<Self, OidcError> {
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = KeyUrl::parse(&place, ca.clone()).map_err(OidcError::Issuer)?;
        let read = jwks::get(&url, MAX_BYTES).await;
        let text = read.map_err(|error| OidcError::Unreachable { place: place.clone(), error })?;
        Self::read(&text, issuer, ca).map_err(|problem| OidcError::Unusable { place, problem })
    }

    /// Reads metadata of `issuer`.
    pub(super) fn read(
        text: &[u8],
        issuer: &str,
        ca: Option<PathBuf>,
    ) -> Result<Self, &'static str> {
        let metadata: Metadata = serde_json::from_slice(text)
            .map_err(|_| "its metadata lack issuer, authorization_endpoint or token_endpoint")?;
        if metadata.issuer != issuer {
            return Err("its metadata are another issuer's: give --issuer as they have it");
        }
        let methods = metadata.code_challenge_methods_supported;
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err("it does not support PKCE with S256");
        }
        let endpoint = |text: &str, ca| {
            KeyUrl::parse(text, ca).map_err(|_| "an endpoint of its metadata is no https:// URL")
        };
        Ok(Self {
            issuer: metadata.issuer,
            authorization_endpoint: endpoint(&metadata.authorization_endpoint, None)?,
            token_endpoint: endpoint(&metadata.token_endpoint, ca)?,
            names_issuer: metadata.authorization_response_iss_parameter_supported == Some(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://login.example/realms/staff";

    fn metadata() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example/auth",
            "token_endpoint": "https://login.example/token",
            "code_challenge_methods_supported": ["plain", "S256"],
        })
    }

    #[test]
    fn metadata_are_the_issuers_own_and_lead_nowhere_in_plaintext() {
        let read = |metadata: Value| Provider::read(metadata.to_string().as_bytes(), ISSUER, None);
        assert!(read(metadata()).is_ok());
        for (name, value) in [
            ("issuer", json!("https://login.example/realms/staff/")),
            ("issuer", json!(null)),
            ("authorization_endpoint", json!("http://login.example/auth")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", json!("http://login.example/token")),
            ("token_endpoint", json!(null)),
            ("code_challenge_methods_supported", json!(["plain"])),
        ] {
            let mut metadata = metadata();
            metadata[name] = value;
            assert!(read(metadata).is_err(), "{name}");
        }
        let mut silent = metadata();
        silent.as_object_mut().expect("an object").remove("code_challenge_methods_supported");
        assert!(read(silent).is_ok());
    }

    #[test]
    fn a_provider_whose_answers_name_their_issuer_publishes_it() {
        for (published, names_issuer) in
            [(json!(true), true), (json!(false), false), (json!(null), false)]
        {
            let mut metadata = metadata();
            metadata["authorization_response_iss_parameter_supported"] = published;
            let read = Provider::read(metadata.to_string().as_bytes(), ISSUER, None);
            assert_eq!(read.expect("a provider").names_issuer, names_issuer);
        }
    }
}
