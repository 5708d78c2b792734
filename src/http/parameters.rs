//! The parameters of a request, from a form or a JSON object.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use percent_encoding::percent_decode;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use zeroize::Zeroizing;

use super::encoding::Encoding;
use crate::domain::{audience::Audience, error::Error, secret::Secret};

/// Parameters that may be there once. Those that no endpoint reads are ignored (RFC 6749 §3.2).
const KNOWN: [&str; 17] = [
    "actor_token",
    "actor_token_type",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "grant_type",
    "password",
    "refresh_token",
    "requested_token_type",
    "scope",
    "subject_token",
    "subject_token_type",
    "token",
    "token_type_hint",
    "username",
];

/// Parameters that name a service the token is for. Only these may be there more than once (RFC 8707
/// §2, RFC 8693 §2.1).
const TARGETS: [&str; 2] = ["audience", "resource"];

/// The known parameters of one request. Any of them may be secret.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// Those that may be there once.
    single: BTreeMap<&'static str, Secret>,
    /// Values of [`TARGETS`], in order, none of them empty.
    targets: Vec<Secret>,
}

impl Parameters {
    /// Reads a body.
    ///
    /// # Errors
    /// `InvalidRequest` for a body that is not what its type says, and for a known parameter that
    /// is there twice or holds a line break.
    pub(super) fn read(encoding: Encoding, body: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        match encoding {
            Encoding::Form => Self::from_form(body),
            Encoding::Json => Self::from_json(&body),
        }
    }

    /// Takes a parameter out. One that is empty was omitted (RFC 6749 §3.2).
    pub(super) fn take(&mut self, name: &'static str) -> Option<Secret> {
        self.single.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes out a parameter that must be there.
    ///
    /// # Errors
    /// `InvalidRequest` when it is not.
    pub(super) fn require(&mut self, name: &'static str) -> Result<Secret, Error> {
        let missing = Error::InvalidRequest { field: name, problem: "is required" };
        self.take(name).ok_or(missing)
    }

    /// Takes out the services that the token is asked for, by `resource` and `audience` alike; empty if
    /// none is named.
    ///
    /// # Errors
    /// `InvalidTarget` for a name that no audience can hold (RFC 8707 §2).
    pub(super) fn take_audience(&mut self) -> Result<Audience, Error> {
        let names = self.targets.iter().map(Secret::expose);
        let audience = Audience::from_names(names).map_err(|_| Error::InvalidTarget);
        self.targets.clear();
        audience
    }

    fn from_form(mut body: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        // No encoder writes a raw line break: it comes from a command line that was wrapped within
        // its quotes, as in published curl samples of such APIs.
        body.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        let mut parameters = Self::default();
        for pair in body.split(|byte| *byte == b'&') {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || form_decoded(halves.next().unwrap_or_default());
            let (name, value) = (half()?, half()?);
            parameters.put(name.expose(), value)?;
        }
        Ok(parameters)
    }

    fn from_json(body: &[u8]) -> Result<Self, Error> {
        let problem = "must be one JSON object of strings, each name once";
        let object: JsonObject = serde_json::from_slice(body)
            .map_err(|_| Error::InvalidRequest { field: "body", problem })?;
        let mut parameters = Self::default();
        for (name, value) in object.0 {
            parameters.put(&name, value)?;
        }
        Ok(parameters)
    }

    fn put(&mut self, name: &str, value: Secret) -> Result<(), Error> {
        if TARGETS.contains(&name) {
            if !value.is_empty() {
                self.targets.push(value);
            }
            return Ok(());
        }
        let Some(field) = KNOWN.into_iter().find(|known| *known == name) else { return Ok(()) };
        // RFC 6749 appendix A has no line break in any parameter, and a user's name would lose it
        // when it is trimmed: two texts for one name.
        if value.expose().contains(['\r', '\n']) {
            return Err(Error::InvalidRequest { field, problem: "must not hold line breaks" });
        }
        if self.single.insert(field, value).is_some() {
            return Err(Error::InvalidRequest { field, problem: "must not be there twice" });
        }
        Ok(())
    }
}

fn form_decoded(text: &[u8]) -> Result<Secret, Error> {
    let mut spaced = Zeroizing::new(Vec::with_capacity(text.len()));
    spaced.extend(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend(percent_decode(&spaced));
    let text = String::from_utf8(decoded)
        .map_err(|_| Error::InvalidRequest { field: "body", problem: "must be UTF-8" })?;
    Ok(Secret::new(text))
}

/// The members of a JSON object; null stands for nothing.
struct JsonObject(Vec<(String, Secret)>);

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = JsonObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    /// Parsers differ in which of two members of one name they keep, so neither is.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
        let mut names = BTreeSet::new();
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Option<String>>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a name is there twice"));
            }
            members.push((name, Secret::new(value.unwrap_or_default())));
        }
        Ok(JsonObject(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(encoding: Encoding, body: &[u8]) -> Result<Parameters, Error> {
        Parameters::read(encoding, Zeroizing::new(body.to_vec()))
    }

    fn form(text: &str) -> Result<Parameters, Error> {
        read(Encoding::Form, text.as_bytes())
    }

    fn json(text: &str) -> Result<Parameters, Error> {
        read(Encoding::Json, text.as_bytes())
    }

    fn value(parameters: Result<Parameters, Error>, name: &'static str) -> Option<String> {
        let value = parameters.expect("parameters").take(name);
        value.map(|value| value.expose().to_owned())
    }

    #[test]
    fn both_encodings_say_the_same() {
        let password = "a b+c&d=é%\u{1f510}\"\\";
        let encoded: String = form_urlencoded::byte_serialize(password.as_bytes()).collect();
        let written = form(&format!("password={encoded}"));
        assert_eq!(value(written, "password").as_deref(), Some(password));
        let written = json(&serde_json::json!({ "password": password }).to_string());
        assert_eq!(value(written, "password").as_deref(), Some(password));
    }

    #[test]
    fn empty_and_null_are_omitted() {
        for parameters in [form("scope="), form("scope"), json(r#"{"scope":""}"#)] {
            assert_eq!(value(parameters, "scope"), None);
        }
        assert_eq!(value(json(r#"{"scope":null}"#), "scope"), None);
    }

    #[test]
    fn a_known_parameter_is_there_once_and_unknown_ones_do_not_matter() {
        for twice in ["scope=a&scope=a", "scope=&scope=", "scope=a&sc%6Fpe=b"] {
            assert!(form(twice).is_err(), "{twice}");
        }
        let unknown = form("x=1&x=2&&=&token++=t&token=u");
        assert_eq!(value(unknown, "token").as_deref(), Some("u"));
        assert!(json(r#"{"x":"1","x":"1"}"#).is_err());
        assert!(json(r#"{"scope":null,"scope":"a"}"#).is_err());
    }

    #[test]
    fn services_are_named_by_resource_and_audience_as_often_as_needed() {
        let targets = |parameters: Result<Parameters, Error>| {
            let audience = parameters.expect("parameters").take_audience();
            audience.map(|audience| audience.names().map(str::to_owned).collect::<Vec<_>>())
        };
        let expected = Ok(vec!["https://a.example".to_owned(), "b".to_owned()]);
        let asked = "resource=https%3A%2F%2Fa.example&audience=b&resource=&resource=b";
        assert_eq!(targets(form(asked)), expected);
        assert_eq!(targets(json(r#"{"resource":"https://a.example","audience":"b"}"#)), expected);
        assert_eq!(targets(form("audience=&resource=")), Ok(vec![]));
        for none in ["audience=a+b", "resource=a%0Ab", "resource=%C3%A9"] {
            assert_eq!(targets(form(none)), Err(Error::InvalidTarget), "{none}");
        }
    }

    #[test]
    fn raw_line_breaks_vanish_and_encoded_ones_are_refused() {
        let wrapped = "client_id=a\r\n&user\nname=b\n";
        assert_eq!(value(form(wrapped), "client_id").as_deref(), Some("a"));
        assert_eq!(value(form(wrapped), "username").as_deref(), Some("b"));
        for broken in ["username=b%0A", "username=%0d", "token=a%0Ab"] {
            assert!(form(broken).is_err(), "{broken}");
        }
        assert!(json(r#"{"username":"b\n"}"#).is_err());
    }

    #[test]
    fn json_is_one_object_of_strings() {
        let deep = ["[".repeat(10_000), "{\"a\":".repeat(10_000)];
        for text in [
            "",
            "null",
            "[]",
            "\"a\"",
            "1",
            "{",
            "{\"a\"}",
            r#"{"a":1}"#,
            r#"{"a":true}"#,
            r#"{"a":["b"]}"#,
            r#"{"a":{}}"#,
            r#"{"a":"b"}{}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"b" "c":"d"}"#,
            &deep[0],
            &deep[1],
        ] {
            assert!(json(text).is_err(), "{text:.40}");
        }
        assert!(json(" {} ").is_ok());
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        assert!(form("token=%ff").is_err());
        assert!(form("%ff=a").is_err());
        assert!(read(Encoding::Form, b"token=\xff").is_err());
        assert!(read(Encoding::Json, b"{\"token\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            drop(read(Encoding::Form, &body));
            drop(read(Encoding::Json, &body));
        }

        #[test]
        fn what_a_form_encoder_writes_is_read_back(text in "[^\r\n]+") {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(value(form(&format!("token={encoded}")), "token"), Some(text));
        }
    }
}
