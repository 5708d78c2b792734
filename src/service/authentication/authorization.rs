//! Reads the `Authorization` header, which both wires carry alike (RFC 7617, RFC 6750 §2.1).

use std::{net::IpAddr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;

use crate::{
    domain::{cause::Cause, certificate::CertificateIdentity, error::Error, secret::Secret},
    service::{Credentials, IdAndSecret, caller::ShownBearer},
};

impl Credentials {
    /// Reads the credentials of an `Authorization` header. The scheme's case does not matter.
    ///
    /// # Errors
    /// `InvalidClient` for another scheme, and for Basic credentials that are not base64 of UTF-8
    /// with a colon.
    pub fn from_authorization(header: &str) -> Result<Self, Error> {
        let (scheme, value) =
            header.split_once(' ').ok_or(Error::InvalidClient(Cause::UnreadableCredentials))?;
        let value = value.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("basic") {
            basic(value)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Self::Bearer(ShownBearer { token: Secret::new(value), certificate: None }))
        } else {
            Err(Error::InvalidClient(Cause::UnreadableCredentials))
        }
    }
}

impl Credentials {
    /// A client's id and secret, of which there is one reading.
    pub fn of_secret(client_id: String, secret: Secret) -> Self {
        Self::Secret(vec![IdAndSecret { client_id, secret, address: None }])
    }

    /// The same over a connection whose peer has shown this certificate: it counts where nothing else
    /// is presented, or no more than a client's name. An access token may be bound to it.
    #[must_use]
    pub fn over(self, certificate: Option<Arc<[CertificateIdentity]>>) -> Self {
        match (self, certificate) {
            (Self::Nothing, Some(identities)) => {
                Self::Certificate { identities, client_ids: Vec::new() }
            }
            (Self::ClientId(client_ids), Some(identities)) => {
                Self::Certificate { identities, client_ids }
            }
            (Self::Bearer(shown), certificate) => {
                let certificate = certificate.map(Into::into);
                Self::Bearer(ShownBearer { certificate, ..shown })
            }
            (presented, _) => presented,
        }
    }

    /// Returns the one authentication method from the header and the request itself (RFC 6749
    /// §2.3). Repetition is no second method: a `client_id` beside Basic credentials or a
    /// certificate that names the same client, and the same secret, which some gateways send in
    /// both places. A certificate is no method beside another: it belongs to the connection, not to
    /// the request.
    ///
    /// # Errors
    /// `InvalidRequest` for two ways, for two clients, for two secrets, and for a secret without a
    /// client.
    pub(in crate::service) fn joined_with(
        self,
        client_id: Option<String>,
        client_secret: Option<Secret>,
    ) -> Result<Self, Error> {
        let Some(secret) = client_secret else {
            return match client_id {
                Some(client_id) => self.naming(client_id),
                None => Ok(self),
            };
        };
        match (self, client_id) {
            (Self::Secret(readings), client_id) => {
                let same = |reading: &IdAndSecret| {
                    let named = client_id.as_ref().is_none_or(|id| *id == reading.client_id);
                    named && reading.secret == secret
                };
                let same: Vec<_> = readings.into_iter().filter(same).collect();
                if same.is_empty() { Err(Self::two_ways()) } else { Ok(Self::Secret(same)) }
            }
            (Self::Nothing, Some(client_id)) => Ok(Self::of_secret(client_id, secret)),
            (Self::Certificate { client_ids, .. }, Some(client_id)) if client_ids.is_empty() => {
                Ok(Self::of_secret(client_id, secret))
            }
            (Self::Nothing, None) => Err(Self::nameless()),
            (Self::Certificate { client_ids, .. }, None) if client_ids.is_empty() => {
                Err(Self::nameless())
            }
            (
                Self::ClientId(_) | Self::Certificate { .. } | Self::Assertion(_) | Self::Bearer(_),
                _,
            ) => Err(Self::two_ways()),
        }
    }

    /// The same beside a `client_id`: it says which reading was meant.
    fn naming(self, named: String) -> Result<Self, Error> {
        let only = |client_ids: Vec<String>| {
            let same = client_ids.into_iter().filter(|client_id| *client_id == named);
            let same: Vec<_> = same.collect();
            if same.is_empty() { Err(Self::two_clients()) } else { Ok(same) }
        };
        match self {
            Self::Nothing => Ok(Self::ClientId(vec![named])),
            Self::ClientId(client_ids) => only(client_ids).map(Self::ClientId),
            Self::Certificate { identities, client_ids } if client_ids.is_empty() => {
                Ok(Self::Certificate { identities, client_ids: vec![named] })
            }
            Self::Certificate { identities, client_ids } => {
                Ok(Self::Certificate { identities, client_ids: only(client_ids)? })
            }
            Self::Secret(readings) => {
                let same = readings.into_iter().filter(|reading| reading.client_id == named);
                let same: Vec<_> = same.collect();
                if same.is_empty() { Err(Self::two_clients()) } else { Ok(Self::Secret(same)) }
            }
            Self::Assertion(_) | Self::Bearer(_) => Err(Self::two_ways()),
        }
    }

    /// The same from this address.
    #[must_use]
    pub fn sent_from(mut self, from: Option<IpAddr>) -> Self {
        if let Self::Secret(readings) = &mut self {
            for reading in readings {
                reading.address = from;
            }
        }
        self
    }

    /// More than one way of authenticating at once.
    pub fn two_ways() -> Error {
        let problem = "must be the only way of authenticating";
        Error::InvalidRequest { field: "authorization", problem }
    }

    fn two_clients() -> Error {
        let problem = "differs from the authorization header";
        Error::InvalidRequest { field: "client_id", problem }
    }

    fn nameless() -> Error {
        let problem = "is required beside client_secret";
        Error::InvalidRequest { field: "client_id", problem }
    }
}

/// Encodings of one half of Basic credentials.
#[derive(Clone, Copy)]
enum Writing {
    /// Form-encoded, which makes a plus sign of a space (RFC 6749 §2.3.1).
    Form,
    /// Percent-encoded, a plus sign as it is.
    Percent,
    /// As it is (RFC 7617), which many clients do.
    Raw,
}

impl Writing {
    /// In the order in which they are tried. Of a text without a plus sign the first two read the same.
    const ALL: [Self; 3] = [Self::Form, Self::Percent, Self::Raw];

    /// Those that can read a text differently.
    fn of(written: &str) -> &'static [Self] {
        if written.contains(['%', '+']) { &Self::ALL } else { &[Self::Raw] }
    }

    /// The text that was written so; `None` when it is not UTF-8.
    fn read(self, written: &str) -> Option<String> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Into::into);
        match self {
            Self::Form => decoded(&written.replace('+', " ")),
            Self::Percent => decoded(written),
            Self::Raw => Some(written.to_owned()),
        }
    }
}

fn basic(value: &str) -> Result<Credentials, Error> {
    let bytes = BASE64_STANDARD
        .decode(value)
        .map_err(|_| Error::InvalidClient(Cause::UnreadableCredentials))?;
    let text = Secret::new(
        String::from_utf8(bytes).map_err(|_| Error::InvalidClient(Cause::UnreadableCredentials))?,
    );
    let (id, secret) =
        text.expose().split_once(':').ok_or(Error::InvalidClient(Cause::UnreadableCredentials))?;
    // An empty secret is an omitted one: what is left is the name of a client, perhaps a public one.
    if secret.is_empty() {
        return Ok(Credentials::ClientId(each(id, |writing| writing.read(id))));
    }
    Ok(Credentials::Secret(each(text.expose(), |writing| {
        let (client_id, secret) = (writing.read(id)?, Secret::new(writing.read(secret)?));
        Some(IdAndSecret { client_id, secret, address: None })
    })))
}

/// Returns each reading of what was written, without duplicates.
fn each<T: PartialEq>(written: &str, read: impl Fn(Writing) -> Option<T>) -> Vec<T> {
    let mut readings = Vec::new();
    for reading in Writing::of(written).iter().filter_map(|writing| read(*writing)) {
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Vec<(String, String)>, Error> {
        Credentials::from_authorization(header).map(readings)
    }

    fn readings(credentials: Credentials) -> Vec<(String, String)> {
        match credentials {
            Credentials::Secret(readings) => {
                let read =
                    |IdAndSecret { client_id, secret, .. }| pair(&client_id, secret.expose());
                readings.into_iter().map(read).collect()
            }
            Credentials::Bearer(shown) => vec![pair("bearer", shown.token.expose())],
            Credentials::ClientId(ids) => ids.iter().map(|id| pair(id, "")).collect(),
            Credentials::Nothing | Credentials::Certificate { .. } | Credentials::Assertion(_) => {
                vec![]
            }
        }
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
    fn every_way_to_write_the_halves_is_a_reading() {
        for (written, expected) in [
            ("id:secret", &[("id", "secret")][..]),
            (
                "test%5Fid:a+b%2B",
                &[("test_id", "a b+"), ("test_id", "a+b+"), ("test%5Fid", "a+b%2B")],
            ),
            ("id:a+b%5Ec", &[("id", "a b^c"), ("id", "a+b^c"), ("id", "a+b%5Ec")]),
            ("web+app:s", &[("web app", "s"), ("web+app", "s")]),
            ("id:100%25", &[("id", "100%"), ("id", "100%25")]),
            ("pub+web:", &[("pub web", ""), ("pub+web", "")]),
            ("pub%20x:", &[("pub x", ""), ("pub%20x", "")]),
            ("public_id:", &[("public_id", "")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(id, secret)| pair(id, secret)).collect();
            assert_eq!(read(&header(written)), Ok(expected), "{written}");
        }
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
        let bearer = || Credentials::from_authorization("Bearer jat_x").expect("a token");
        let bearer = bearer().joined_with(Some("a".into()), None);
        assert_eq!(bearer.err(), Some(Credentials::two_ways()));
        let nameless = Credentials::Nothing.joined_with(None, Some(Secret::new("x")));
        assert!(matches!(nameless, Err(Error::InvalidRequest { field: "client_id", .. })));
    }

    /// As lua-resty-openidc sends them, and with it APISIX.
    #[test]
    fn the_same_secret_in_both_places_is_one_way_and_another_is_refused() {
        let basic = || Credentials::from_authorization(&header("a%5Fb:x+y")).expect("credentials");
        let joined = |id: Option<&str>, secret: &str| {
            basic().joined_with(id.map(Into::into), Some(Secret::new(secret))).map(readings)
        };
        assert_eq!(joined(Some("a_b"), "x+y"), Ok(vec![pair("a_b", "x+y")]));
        assert_eq!(joined(Some("a_b"), "x y"), Ok(vec![pair("a_b", "x y")]));
        assert_eq!(joined(None, "x+y"), Ok(vec![pair("a_b", "x+y"), pair("a%5Fb", "x+y")]));
        for (id, secret) in [(Some("a_b"), "z"), (Some("other"), "x+y"), (None, "z")] {
            assert_eq!(joined(id, secret), Err(Credentials::two_ways()));
        }
        let nameless = Credentials::from_authorization(&header("a:")).expect("a name");
        let joined = nameless.joined_with(Some("a".into()), Some(Secret::new("x")));
        assert_eq!(joined.err(), Some(Credentials::two_ways()));
    }

    #[test]
    fn a_certificate_counts_only_without_another_way() {
        let identity = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let shown = || Some([identity.clone()].into());
        let certificate = || Credentials::Nothing.over(shown());
        let (name, secret) = (|| Some("a".to_owned()), || Some(Secret::new("x")));
        let joined = certificate().joined_with(None, None);
        assert!(
            matches!(joined, Ok(Credentials::Certificate { client_ids, .. }) if client_ids.is_empty())
        );
        let joined = certificate().joined_with(name(), None);
        assert!(
            matches!(joined, Ok(Credentials::Certificate { client_ids, .. }) if client_ids == ["a"])
        );
        let joined = certificate().joined_with(name(), secret());
        assert!(matches!(joined, Ok(Credentials::Secret(_))));
        let joined = certificate().joined_with(None, secret());
        assert!(matches!(joined, Err(Error::InvalidRequest { field: "client_id", .. })));
        assert!(matches!(Credentials::Nothing.over(None), Credentials::Nothing));
        let bearer = Credentials::from_authorization("Bearer jat_x").expect("a token");
        assert!(
            matches!(bearer.over(shown()), Credentials::Bearer(shown) if shown.certificate.is_some())
        );
        // Basic without a secret is a name.
        let named =
            || Credentials::from_authorization(&header("a:")).expect("a name").over(shown());
        assert!(
            matches!(named(), Credentials::Certificate { client_ids, .. } if client_ids == ["a"])
        );
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
            assert_eq!(
                read(header),
                Err(Error::InvalidClient(Cause::UnreadableCredentials)),
                "{header}"
            );
        }
    }
}
