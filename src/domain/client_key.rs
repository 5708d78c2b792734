//! Public keys by which a client signs assertions of its own (RFC 7523 §2.2, `private_key_jwt`).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use super::{
    algorithm::Algorithm,
    invalid::Invalid,
    public_key::{Members, PublicKey, ReadKey},
    time::Timestamp,
};

/// One of a client's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// The key.
    pub key: PublicKey,
    /// Its name in the header of what it signs; `None` for any.
    pub kid: Option<Box<str>>,
    /// The only algorithm that it signs with; `None` for all of its type.
    pub algorithm: Option<Algorithm>,
    /// From when on it is refused; `None` never.
    pub expire_time: Option<Timestamp>,
}

/// In records an algorithm is its name, which no release changes.
impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom("no algorithm"))
    }
}

/// A key set, or a key alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum SetOrKey {
    Set { keys: Vec<Members> },
    Key(Box<Members>),
}

impl ClientKey {
    /// Maximum of keys, so that a key is rotated without downtime.
    pub const MAX: usize = 2;
    /// Longest text that is read, in bytes.
    pub const MAX_TEXT: usize = 16 << 10;

    /// Reads a JSON Web Key Set (RFC 7517 §5) of at most [`Self::MAX`] keys, or one key.
    ///
    /// # Errors
    /// As [`ReadKey::parse`]; for too long a text, no key, too many, and for one key twice.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Invalid> {
        const FORM: Invalid =
            Invalid("must be a JSON Web Key Set (RFC 7517 §5), or one public key");
        if text.len() > Self::MAX_TEXT {
            return Err(Invalid("must be at most 16 KiB"));
        }
        let members = match serde_json::from_str(text).map_err(|_| FORM)? {
            SetOrKey::Set { keys } => keys,
            SetOrKey::Key(key) => vec![*key],
        };
        if members.is_empty() || members.len() > Self::MAX {
            return Err(Invalid("must hold one key or two"));
        }
        let mut keys: Vec<Self> = Vec::new();
        for members in members {
            let ReadKey { key, kid, algorithm } = ReadKey::of(members)?;
            keys.push(Self { key, kid, algorithm, expire_time: None });
        }
        Self::check_distinct(&keys)?;
        Ok(keys)
    }

    /// Checks that no key is there twice, and no name.
    ///
    /// # Errors
    /// Says so.
    pub fn check_distinct(keys: &[Self]) -> Result<(), Invalid> {
        let same = |one: &Self, other: &Self| {
            one.key == other.key || (one.kid.is_some() && one.kid == other.kid)
        };
        let twice = |at: usize| keys[..at].iter().any(|earlier| same(earlier, &keys[at]));
        if (1..keys.len()).any(twice) {
            return Err(Invalid("must not hold a key, or a kid, twice"));
        }
        Ok(())
    }

    /// Returns whether what it signs is accepted at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }

    /// Returns whether it may have signed what names this algorithm and this key.
    pub fn may_have_signed(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let named = match (&self.kid, kid) {
            (Some(own), Some(named)) => **own == *named,
            (None, _) | (_, None) => true,
        };
        let fits = match self.algorithm {
            Some(only) => only == algorithm,
            None => self.key.algorithms().contains(&algorithm),
        };
        named && fits
    }

    /// The key as a JSON Web Key, of public members alone.
    pub fn to_jwk(&self) -> String {
        let mut members = Map::new();
        for (name, value) in self.key.members() {
            members.insert(name.to_owned(), Value::String(value));
        }
        if let Some(kid) = &self.kid {
            members.insert("kid".to_owned(), Value::String(kid.to_string()));
        }
        if let Some(algorithm) = self.algorithm {
            members.insert("alg".to_owned(), Value::String(algorithm.name().to_owned()));
        }
        members.insert("use".to_owned(), Value::String("sig".to_owned()));
        Value::Object(members).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: &str, kid: &str) -> String {
        let x = format!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR{last}");
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}"}}"#)
    }

    fn set(keys: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    #[test]
    fn a_set_or_a_key_alone_is_read_and_written_again() {
        let alone = ClientKey::parse_all(&key("o", "a")).expect("a key");
        assert_eq!(ClientKey::parse_all(&set(&[key("o", "a")])), Ok(alone.clone()));
        assert_eq!(ClientKey::parse_all(&alone[0].to_jwk()), Ok(alone));
        let both = ClientKey::parse_all(&set(&[key("o", "a"), key("s", "b")])).expect("two");
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn no_more_than_two_different_keys_are_read() {
        for refused in [
            set(&[]),
            set(&[key("o", "a"), key("s", "b"), key("w", "c")]),
            set(&[key("o", "a"), key("o", "b")]),
            set(&[key("o", "a"), key("s", "a")]),
            format!("{}{}", key("o", "a"), " ".repeat(ClientKey::MAX_TEXT)),
            "[".repeat(10_000),
        ] {
            assert!(ClientKey::parse_all(&refused).is_err(), "{refused:.80}");
        }
    }

    #[test]
    fn a_key_signs_by_its_algorithm_and_under_its_name_or_none() {
        use Algorithm::{EdDsa, Es256};
        let named = &ClientKey::parse_all(&key("o", "a")).expect("a key")[0];
        assert!(named.may_have_signed(EdDsa, Some("a")) && named.may_have_signed(EdDsa, None));
        assert!(!named.may_have_signed(EdDsa, Some("b")) && !named.may_have_signed(Es256, None));
        let nameless = ClientKey { kid: None, ..named.clone() };
        assert!(nameless.may_have_signed(EdDsa, Some("b")));
    }
}
