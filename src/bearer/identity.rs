//! The headers that identify a request's bearer to a service behind a proxy.

use http::{HeaderName, HeaderValue};

use super::Claims;

/// Suffixes of the headers' names, in order.
const PARTS: [&str; 5] = ["subject", "client-id", "username", "scope", "grant-id"];

/// The names of the headers, with a common prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders([HeaderName; PARTS.len()]);

impl IdentityHeaders {
    /// Default prefix of the names.
    pub const PREFIX: &str = "x-jeton-";
    /// Maximum length of a prefix, in characters.
    pub const MAX_PREFIX_CHARS: usize = 64;

    /// Returns headers with `prefix`, or `None` if it is not valid in a header's name.
    pub fn with_prefix(prefix: &str) -> Option<Self> {
        if prefix.is_empty() || prefix.len() > Self::MAX_PREFIX_CHARS {
            return None;
        }
        let name = |part: &str| HeaderName::try_from(format!("{prefix}{part}")).ok();
        let [subject, client_id, username, scope, grant_id] = PARTS.map(name);
        Some(Self([subject?, client_id?, username?, scope?, grant_id?]))
    }

    /// Returns every header with its value. A header without a value is `None`, which for a request
    /// without a token is each of them: the visitor's own header must not reach the service.
    pub fn of<'h>(
        &'h self,
        claims: Option<&Claims>,
    ) -> impl Iterator<Item = (&'h HeaderName, Option<HeaderValue>)> {
        let values = match claims {
            None => [const { None }; PARTS.len()],
            Some(claims) => [
                value(&claims.subject),
                value(&claims.client_id),
                claims.username.as_deref().and_then(value),
                match &*claims.scopes {
                    [scope] => value(scope),
                    scopes => value(&scopes.join(" ")),
                },
                value(&claims.grant_id),
            ],
        };
        self.0.iter().zip(values)
    }
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self::with_prefix(Self::PREFIX).expect("the names are good")
    }
}

/// Converts a value. Names of users are in UTF-8, which a header can contain; other values that it
/// cannot contain are dropped.
fn value(text: &str) -> Option<HeaderValue> {
    let value = (!text.is_empty()).then(|| HeaderValue::from_bytes(text.as_bytes()));
    value?.ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn claims(username: Option<&str>) -> Claims {
        Claims {
            client_id: "shop".to_owned(),
            subject: "usr_1".to_owned(),
            username: username.map(str::to_owned),
            scopes: vec!["read".to_owned(), "list".to_owned()],
            audience: vec!["billing".to_owned()],
            issue_time: None,
            expire_time: None,
            grant_id: "grant".to_owned(),
            attributes: HashMap::new(),
            actors: Vec::new(),
            ancestors: Vec::new(),
            confirmation: None,
        }
    }

    fn shown(headers: &IdentityHeaders, claims: Option<&Claims>) -> Vec<(String, Option<String>)> {
        let text = |value: HeaderValue| String::from_utf8(value.as_bytes().to_vec());
        let headers = headers.of(claims);
        headers.map(|(name, value)| (name.to_string(), value.and_then(|v| text(v).ok()))).collect()
    }

    #[test]
    fn every_header_is_there_with_a_value_or_without() {
        let names = ["subject", "client-id", "username", "scope", "grant-id"];
        let values = ["usr_1", "shop", "αλέξης", "read list", "grant"];
        let headers = IdentityHeaders::with_prefix("x-auth-").expect("names");
        let expected = |value: fn(&str) -> Option<String>| {
            let all = names.iter().zip(values);
            all.map(|(name, text)| (format!("x-auth-{name}"), value(text))).collect::<Vec<_>>()
        };
        let known = shown(&headers, Some(&claims(Some("αλέξης"))));
        assert_eq!(known, expected(|text| Some(text.to_owned())));
        assert_eq!(shown(&headers, None), expected(|_| None));
        for username in [None, Some(""), Some("a\r\nx-jeton-scope: erase"), Some("a\0")] {
            let shown = shown(&IdentityHeaders::default(), Some(&claims(username)));
            assert_eq!(shown[2], ("x-jeton-username".to_owned(), None), "{username:?}");
        }
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_header_and_not_empty() {
        for prefix in ["", " ", "x y", "x:", "é", "x\n", &"x".repeat(65)] {
            assert_eq!(IdentityHeaders::with_prefix(prefix), None, "{prefix:?}");
        }
        assert!(IdentityHeaders::with_prefix("X-Forwarded-").is_some());
    }
}
