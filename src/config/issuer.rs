//! `[[issuer]]`: the issuers whose assertions are taken in place of a secret.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use http::Uri;

use super::{
    duration::{self, DAY},
    fields::{Fields, Placed},
    issuer_users,
    path::path,
};
use crate::domain::{
    algorithm::Algorithm, assertion::IssuerRules, claims::Validity, invalid::Invalid,
    issuer_name::IssuerName,
};

/// A trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The rules for its assertions.
    pub rules: IssuerRules,
    /// Place of its keys.
    pub keys: KeyPlace,
    /// URL at which it is asked about each of its tokens; `None` if its keys alone decide.
    pub token_review: Option<KeyUrl>,
    /// Interval between two readings of a URL. A file is looked at every second.
    pub refresh_interval: Duration,
}

/// Place of an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A JWKS file, which is read again when it changes.
    File(PathBuf),
    /// The URL of a JWKS.
    Url(KeyUrl),
}

/// A URL of an issuer, of its JWKS or of its token reviews: https, or http to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl {
    /// The URL, without user and password.
    pub uri: Uri,
    /// Trusted CAs, in PEM. `None` stands for the system's.
    pub ca: Option<PathBuf>,
    /// File of the bearer token that the issuer asks for.
    pub bearer: Option<PathBuf>,
}

impl KeyUrl {
    /// Reads a URL of an issuer, whose certificate is of the CAs in the file `ca`, or of the system's.
    ///
    /// # Errors
    /// For a URL that is neither https nor http to this machine, and for one with user, password or
    /// fragment.
    pub fn parse(text: &str, ca: Option<PathBuf>) -> Result<Self, Invalid> {
        Ok(Self { uri: url(text)?, ca, bearer: None })
    }
}

/// Longest `iss`, in bytes.
const MAX_ISSUER_BYTES: usize = 1_024;

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);

impl IssuerSettings {
    /// Reads one table. Its place is that of its `name`. Returns `None` if the name, the `iss` or the
    /// place of its keys is missing or invalid. `here` is this server's own issuer: assertions must be
    /// meant for it.
    pub(super) fn read(fields: &mut Fields<'_, '_>, here: Option<&str>) -> Option<Placed<Self>> {
        let name = fields.required("name", "a string", IssuerName::parse);
        let issuer = fields.text("issuer", "a string", issuer).map(Placed::value);
        let allow_missing_issuer = fields.flag("allow_missing_issuer").unwrap_or(false);
        if fields.place("issuer").is_none() && !allow_missing_issuer {
            let problem = "needs issuer, the iss of its tokens, or allow_missing_issuer = true if they have none";
            fields.fault_of_all(problem);
        }
        let Places { keys, token_review } = read_places(fields);
        let refresh = fields.text("refresh_interval", duration::FORM, duration::refresh_interval);
        let age = fields.text("max_key_age", duration::FORM, duration::key_age);
        let interval = refresh.map_or(REFRESH_INTERVAL, |refresh| refresh.value);
        match (&keys, refresh, age) {
            (Some(KeyPlace::File(_)), Some(refresh), _) => {
                let problem = "is for jwks_url: a file is read when it changes";
                fields.fault(refresh.at, "refresh_interval", problem);
            }
            (Some(KeyPlace::Url(_)), _, Some(age)) if age.value < interval => {
                let problem = "must be at least refresh_interval, 5m by default";
                fields.fault(age.at, "max_key_age", problem);
            }
            _ => {}
        }
        let algorithms = fields.texts("algorithms", Algorithm::list).map(Placed::value);
        let clock_skew = fields.text("clock_skew", duration::FORM, duration::clock_skew);
        let max_lifetime = fields.text("max_lifetime", duration::FORM, duration::assertion);
        let is_nameless = issuer.is_none();
        let people = issuer_users::read(fields, here);
        if people.is_some() && is_nameless {
            let problem = "needs issuer for users: an ID token always has an iss";
            fields.fault_of_all(problem);
        }
        if people.is_some() && token_review.is_some() {
            let problem =
                "must not have both users and token_review_url, which is for client assertions";
            fields.fault_of_all(problem);
        }
        if here.is_none() {
            let problem = "needs http.issuer: tokens must have it as their only audience";
            fields.fault_of_all(problem);
        }
        let Placed { at, value: name } = name?;
        let rules = IssuerRules {
            name,
            issuer,
            allow_missing_issuer,
            algorithms: algorithms.unwrap_or_else(|| Algorithm::ALL.to_vec()),
            validity: Validity {
                clock_skew: clock_skew.map_or(CLOCK_SKEW, Placed::value),
                max_lifetime: max_lifetime.map_or(DAY, Placed::value),
            },
            max_key_age: age.map_or(DAY, Placed::value),
            people,
        };
        let value = Self { rules, keys: keys?, token_review, refresh_interval: interval };
        Some(Placed { at, value })
    }
}

/// Checks an `iss`. It is compared, character by character, and never opened.
fn issuer(text: &str) -> Result<String, Invalid> {
    if text.is_empty() || text.len() > MAX_ISSUER_BYTES || text.contains(char::is_control) {
        return Err(Invalid("must be the iss of its tokens: 1 to 1024 bytes of text"));
    }
    Ok(text.to_owned())
}

/// The places where an issuer is read and asked. `None` for what is missing or invalid.
struct Places {
    keys: Option<KeyPlace>,
    token_review: Option<KeyUrl>,
}

fn read_places(fields: &mut Fields<'_, '_>) -> Places {
    let file = fields.text("jwks_file", "a path", path);
    let keys = fields.text("jwks_url", "a URL", url);
    let review = fields.text("token_review_url", "a URL", url);
    let ca = fields.text("ca_file", "a path", path);
    let bearer = fields.text("bearer_file", "a path", path);
    let has_url = fields.place("jwks_url").is_some();
    if !has_url && fields.place("token_review_url").is_none() {
        for (key, idle) in [("ca_file", &ca), ("bearer_file", &bearer)] {
            if let Some(idle) = idle {
                fields.fault(idle.at, key, "is for jwks_url and token_review_url");
            }
        }
    }
    let (ca, bearer) = (ca.map(Placed::value), bearer.map(Placed::value));
    let at = |uri: Placed<Uri>| KeyUrl { uri: uri.value, ca: ca.clone(), bearer: bearer.clone() };
    let token_review = review.map(at);
    if fields.place("jwks_file").is_some() == has_url {
        let problem = "needs one of jwks_file and jwks_url, the place of its keys";
        fields.fault_of_all(problem);
        return Places { keys: None, token_review };
    }
    let file = file.map(|file| KeyPlace::File(file.value));
    Places { keys: keys.map(at).map(KeyPlace::Url).or(file), token_review }
}

/// Checks a URL of an issuer. An attacker on the way could put keys of its own in place of others, and
/// vouch for any token.
fn url(text: &str) -> Result<Uri, Invalid> {
    let fault = Invalid(
        "must be an https:// URL, or http:// to this machine, without user, password and fragment",
    );
    let uri: Uri = text.parse().map_err(|_| fault)?;
    let is_safe = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_local(&uri),
        _ => false,
    };
    // It is logged where it cannot be read.
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if is_safe && named && !text.contains('#') { Ok(uri) } else { Err(fault) }
}

/// Returns whether the host of a URL is a loopback address or `localhost`. No name is resolved.
fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for text in [
            "https://idp.example/keys",
            "https://10.0.0.1:6443/openid/v1/jwks",
            "https://idp.example/keys?version=1",
            "http://127.0.0.1:8200/v1/identity/oidc/.well-known/keys",
            "http://[::1]:80/keys",
            "http://localhost/keys",
        ] {
            assert!(url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "/keys",
            "idp.example/keys",
            "http://idp.example/keys",
            "http://localhost.example/keys",
            "http://10.0.0.1/keys",
            "file:///keys",
            "ftp://idp.example/keys",
            "https://user:password@idp.example/keys",
            "https://idp.example/keys#1",
            "https://",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
