//! Reads the `Authorization` header, which both wires carry alike (RFC 7617, RFC 6750 §2.1).

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;

use super::Credentials;
use crate::domain::{certificate::CertificateIdentity, error::Error, secret::Secret};

impl Credentials {
    /// What an `Authorization` header presents. The scheme's case does not matter.
    ///
    /// # Errors
    /// `InvalidClient` for another scheme, and for Basic credentials that are not base64 of UTF-8
    /// with a colon.
    pub fn from_authorization(header: &str) -> Result<Self, Error> {
        let (scheme, value) = header.split_once(' ').ok_or(Error::InvalidClient)?;
        let value = value.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("basic") {
            basic(value)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Self::Bearer(Secret::new(value)))
        } else {
            Err(Error::InvalidClient)
        }
    }
}

impl Credentials {
    /// The same over a connection whose peer has shown this certificate: it counts where nothing else
    /// is presented, or no more than a client's name.
    #[must_use]
    pub fn over(self, certificate: Option<Arc<[CertificateIdentity]>>) -> Self {
        match (self, certificate) {
            (Self::Nothing, Some(identities)) => Self::Certificate { identities, client_id: None },
            (Self::ClientId(client_id), Some(identities)) => {
                Self::Certificate { identities, client_id: Some(client_id) }
            }
            (presented, _) => presented,
        }
    }

    /// The one way of authenticating out of what the header presents and what the request itself
    /// holds (RFC 6749 §2.3). A `client_id` beside Basic credentials or a certificate is no second
    /// way as long as it names the same client. A certificate is no way beside any other: it belongs
    /// to the connection, whatever the request is about.
    ///
    /// # Errors
    /// `InvalidRequest` for two ways, for two clients, and for a secret without a client.
    pub fn joined_with(
        self,
        client_id: Option<String>,
        client_secret: Option<Secret>,
    ) -> Result<Self, Error> {
        match (self, client_id, client_secret) {
            (presented, None, None) => Ok(presented),
            (Self::Nothing, Some(client_id), None) => Ok(Self::ClientId(client_id)),
            (Self::Certificate { identities, client_id: None }, client_id @ Some(_), None) => {
                Ok(Self::Certificate { identities, client_id })
            }
            (
                Self::Nothing | Self::Certificate { client_id: None, .. },
                Some(client_id),
                Some(secret),
            ) => Ok(Self::Secret { client_id, secret, raw: None }),
            (Self::Nothing | Self::Certificate { client_id: None, .. }, None, Some(_)) => {
                let problem = "is required beside client_secret";
                Err(Error::InvalidRequest { field: "client_id", problem })
            }
            (
                presented @ (Self::Secret { .. } | Self::ClientId(_) | Self::Certificate { .. }),
                Some(client_id),
                None,
            ) => {
                if presented.names(&client_id) {
                    return Ok(presented);
                }
                let problem = "differs from the authorization header";
                Err(Error::InvalidRequest { field: "client_id", problem })
            }
            (
                Self::Secret { .. }
                | Self::ClientId(_)
                | Self::Certificate { .. }
                | Self::Bearer(_),
                _,
                _,
            ) => Err(Self::two_ways()),
        }
    }

    /// More than one way of authenticating at once.
    pub fn two_ways() -> Error {
        let problem = "must be the only way of authenticating";
        Error::InvalidRequest { field: "authorization", problem }
    }

    fn names(&self, client: &str) -> bool {
        match self {
            Self::Secret { client_id, raw, .. } => {
                client_id == client || raw.as_ref().is_some_and(|(name, _)| name == client)
            }
            Self::ClientId(client_id) | Self::Certificate { client_id: Some(client_id), .. } => {
                client_id == client
            }
            Self::Nothing | Self::Certificate { client_id: None, .. } | Self::Bearer(_) => false,
        }
    }
}

/// RFC 6749 §2.3.1 has both halves form-encoded; many clients send them raw. Where decoding changes
/// something, both readings are kept.
fn basic(value: &str) -> Result<Credentials, Error> {
    let bytes = BASE64_STANDARD.decode(value).map_err(|_| Error::InvalidClient)?;
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| Error::InvalidClient)?);
    let (id, secret) = text.expose().split_once(':').ok_or(Error::InvalidClient)?;
    // An empty secret is an omitted one: what is left is the name of a client, perhaps a public one.
    if secret.is_empty() {
        let decoded = form_decode(id);
        return Ok(Credentials::ClientId(decoded.unwrap_or_else(|| id.to_owned())));
    }
    let decoded = form_decode(id).zip(form_decode(secret));
    let raw = (id.to_owned(), Secret::new(secret));
    Ok(match decoded {
        Some((client_id, secret))
            if (client_id.as_str(), secret.as_str()) != (id, raw.1.expose()) =>
        {
            Credentials::Secret { client_id, secret: Secret::new(secret), raw: Some(raw) }
        }
        Some(_) | None => Credentials::Secret { client_id: raw.0, secret: raw.1, raw: None },
    })
}

/// `application/x-www-form-urlencoded` decoding; `None` when the result is not UTF-8.
fn form_decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Vec<(String, String)>, Error> {
        Credentials::from_authorization(header).map(|credentials| match credentials {
            Credentials::Secret { client_id, secret, raw } => {
                let raw = raw.map(|(id, secret)| (id, secret.expose().to_owned()));
                [(client_id, secret.expose().to_owned())].into_iter().chain(raw).collect()
            }
            Credentials::Bearer(token) => vec![("bearer".into(), token.expose().into())],
            Credentials::ClientId(client_id) => vec![(client_id, String::new())],
            Credentials::Nothing | Credentials::Certificate { .. } => vec![],
        })
    }

    fn header(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    fn pair(id: &str, secret: &str) -> (String, String) {
        (id.into(), secret.into())
    }

    #[test]
    fn the_first_colon_splits_and_the_scheme_has_any_case() {
        let header = header("id:se:cret").replace("Basic", "bAsIC");
        assert_eq!(read(&header), Ok(vec![pair("id", "se:cret")]));
    }

    #[test]
    fn encoded_halves_are_decoded_and_kept_raw_as_well() {
        let read = read(&header("test%5Fid:a+b%2B"));
        assert_eq!(read, Ok(vec![pair("test_id", "a b+"), pair("test%5Fid", "a+b%2B")]));
    }

    #[test]
    fn an_empty_secret_leaves_the_name_alone() {
        assert_eq!(read(&header("public%5Fid:")), Ok(vec![pair("public_id", "")]));
        let read = Credentials::from_authorization(&header("public_id:"));
        assert!(matches!(read, Ok(Credentials::ClientId(id)) if id == "public_id"));
    }

    #[test]
    fn a_raw_secret_that_only_looks_encoded_is_taken_raw() {
        assert_eq!(read(&header("id:100%")), Ok(vec![pair("id", "100%")]));
        assert_eq!(read(&header("id:%ff")), Ok(vec![pair("id", "%ff")]));
    }

    #[test]
    fn one_client_named_twice_is_one_way_and_anything_more_is_refused() {
        let basic =
            || Credentials::from_authorization(&header("test%5Fid:x")).expect("credentials");
        let named = |id: &str| basic().joined_with(Some(id.into()), None);
        assert!(named("test_id").is_ok() && named("test%5Fid").is_ok());
        assert!(matches!(named("other"), Err(Error::InvalidRequest { field: "client_id", .. })));
        let public = Credentials::from_authorization(&header("app:")).expect("credentials");
        assert!(public.joined_with(Some("app".into()), None).is_ok());
        let twice = basic().joined_with(Some("test_id".into()), Some(Secret::new("x")));
        assert_eq!(twice.err(), Some(Credentials::two_ways()));
        let bearer = Credentials::Bearer(Secret::new("jat_x")).joined_with(Some("a".into()), None);
        assert_eq!(bearer.err(), Some(Credentials::two_ways()));
        let nameless = Credentials::Nothing.joined_with(None, Some(Secret::new("x")));
        assert!(matches!(nameless, Err(Error::InvalidRequest { field: "client_id", .. })));
    }

    #[test]
    fn a_certificate_counts_only_without_another_way() {
        let identity = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let shown = || Some([identity.clone()].into());
        let certificate = || Credentials::Nothing.over(shown());
        let (name, secret) = (|| Some("a".to_owned()), || Some(Secret::new("x")));
        let joined = certificate().joined_with(None, None);
        assert!(matches!(joined, Ok(Credentials::Certificate { client_id: None, .. })));
        let joined = certificate().joined_with(name(), None);
        assert!(matches!(joined, Ok(Credentials::Certificate { client_id: Some(_), .. })));
        let joined = certificate().joined_with(name(), secret());
        assert!(matches!(joined, Ok(Credentials::Secret { .. })));
        let joined = certificate().joined_with(None, secret());
        assert!(matches!(joined, Err(Error::InvalidRequest { field: "client_id", .. })));
        assert!(matches!(Credentials::Nothing.over(None), Credentials::Nothing));
        let bearer = Credentials::Bearer(Secret::new("jat_x")).over(shown());
        assert!(matches!(bearer, Credentials::Bearer(_)));
        // Basic without a secret is a name.
        let named =
            || Credentials::from_authorization(&header("a:")).expect("a name").over(shown());
        assert!(matches!(named(), Credentials::Certificate { client_id: Some(_), .. }));
        assert!(named().joined_with(name(), None).is_ok());
        let other = named().joined_with(Some("b".to_owned()), None);
        assert!(matches!(other, Err(Error::InvalidRequest { field: "client_id", .. })));
        assert_eq!(named().joined_with(name(), secret()).err(), Some(Credentials::two_ways()));
    }

    #[test]
    fn bearers_are_taken_as_they_are() {
        assert_eq!(read("Bearer jat_x"), Ok(vec![pair("bearer", "jat_x")]));
    }

    #[test]
    fn anything_else_is_an_invalid_client_and_no_panic() {
        let no_utf8 = format!("Basic {}", BASE64_STANDARD.encode([0xff, b':', 0xfe]));
        for header in ["", "Basic", "Basic !", "Digest x", &header("no colon"), &no_utf8] {
            assert_eq!(read(header), Err(Error::InvalidClient), "{header}");
        }
    }
}
