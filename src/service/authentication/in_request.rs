//! Credentials that a request holds itself, beside its `Authorization` header and its connection.

use crate::{
    domain::{error::Error, secret::Secret},
    jose::SignedToken,
    service::{Credentials, caller::Assertion},
};

/// The one type of assertions that is read (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The fields of a request that say who sends it. One that is empty was left out.
#[derive(Debug, Default)]
pub struct InRequest {
    /// `client_id`.
    pub client_id: Option<String>,
    /// `client_secret`.
    pub client_secret: Option<Secret>,
    /// `client_assertion_type`.
    pub assertion_type: Option<String>,
    /// `client_assertion`.
    pub assertion: Option<Secret>,
}

impl Credentials {
    /// Returns the one authentication method from the header, the connection and the request itself. An
    /// assertion is a method of its own: beside another one it is refused (RFC 7521 §4.2). A certificate
    /// belongs to the connection, and is no method beside it.
    ///
    /// # Errors
    /// `InvalidRequest` for two ways, for two clients, for two secrets, for a secret without a client, for
    /// an assertion without its type or of another type, and for a type without an assertion.
    pub fn joined_with_all(self, sent: InRequest) -> Result<Self, Error> {
        let InRequest { client_id, client_secret, assertion_type, assertion } = sent;
        let Some(text) = assertion else {
            if assertion_type.is_some() {
                return Err(Error::missing("client_assertion"));
            }
            return self.joined_with(client_id, client_secret);
        };
        let field = "client_assertion_type";
        if assertion_type.ok_or(Error::missing(field))? != JWT_BEARER {
            let problem = "must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            return Err(Error::InvalidRequest { field, problem });
        }
        let alone = match &self {
            Self::Nothing => true,
            Self::Certificate { client_ids, .. } => client_ids.is_empty(),
            Self::ClientId(_) | Self::Secret(_) | Self::Bearer(_) | Self::Assertion(_) => false,
        };
        if !alone || client_secret.is_some() {
            return Err(Self::two_ways());
        }
        let claimed = SignedToken::parse(&text).ok();
        let claimed = claimed.and_then(|token| token.names_itself().map(str::to_owned));
        if client_id.is_some() && claimed.is_some() && client_id != claimed {
            let problem = "differs from the client that the assertion names";
            return Err(Error::InvalidRequest { field: "client_id", problem });
        }
        Ok(Self::Assertion(Assertion { text, client_id, claimed }))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::domain::certificate::CertificateIdentity;

    fn token(claims: &str) -> Secret {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        Secret::new(format!("{}.{}.AA", part(r#"{"alg":"ES256"}"#), part(claims)))
    }

    fn sent(claims: &str) -> InRequest {
        InRequest {
            assertion_type: Some(JWT_BEARER.to_owned()),
            assertion: Some(token(claims)),
            ..InRequest::default()
        }
    }

    const OWN: &str = r#"{"iss":"orders","sub":"orders"}"#;
    const VOUCHED: &str = r#"{"iss":"https://a.example","sub":"orders"}"#;

    #[test]
    fn an_assertion_names_its_client_or_leaves_that_to_the_request() {
        let joined = |claims: &str, client_id: Option<&str>| {
            let sent = InRequest { client_id: client_id.map(str::to_owned), ..sent(claims) };
            let joined = Credentials::Nothing.joined_with_all(sent)?;
            Ok::<_, Error>(joined.client_ids().iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(joined(OWN, None), Ok(vec!["orders".to_owned()]));
        assert_eq!(joined(OWN, Some("orders")), Ok(vec!["orders".to_owned()]));
        assert!(matches!(
            joined(OWN, Some("billing")),
            Err(Error::InvalidRequest { field: "client_id", .. })
        ));
        assert_eq!(joined(VOUCHED, None), Ok(vec![]));
        assert_eq!(joined(VOUCHED, Some("billing")), Ok(vec!["billing".to_owned()]));
    }

    #[test]
    fn an_assertion_beside_another_way_is_refused_and_one_over_a_certificate_is_not() {
        let basic = Credentials::from_authorization("Basic YTpi").expect("credentials");
        let named = Credentials::from_authorization("Basic YTo=").expect("a name");
        for other in
            [basic, named, Credentials::from_authorization("Bearer jat_x").expect("a token")]
        {
            assert_eq!(other.joined_with_all(sent(OWN)).err(), Some(Credentials::two_ways()));
        }
        let secret = InRequest { client_secret: Some(Secret::new("x")), ..sent(OWN) };
        let refused = Credentials::Nothing.joined_with_all(secret).err();
        assert_eq!(refused, Some(Credentials::two_ways()));
        let identity = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let certified = Credentials::Nothing.over(Some([identity].into()));
        assert!(matches!(certified.joined_with_all(sent(OWN)), Ok(Credentials::Assertion(_))));
    }

    #[test]
    fn an_assertion_and_its_type_go_together() {
        let field = |sent: InRequest| match Credentials::Nothing.joined_with_all(sent) {
            Err(Error::InvalidRequest { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer".to_owned();
        let other = InRequest { assertion_type: Some(saml), ..sent(OWN) };
        assert_eq!(field(other), "client_assertion_type");
        let untyped = InRequest { assertion_type: None, ..sent(OWN) };
        assert_eq!(field(untyped), "client_assertion_type");
        assert_eq!(field(InRequest { assertion: None, ..sent(OWN) }), "client_assertion");
    }
}
