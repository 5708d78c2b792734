//! Signed access tokens of this server (RFC 9068), read back.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    signed_token::{MAX_TOKEN_BYTES, decoded},
    signing_ring::SigningRing,
};
use crate::domain::{
    grant_id::GrantId,
    presented_token::{JwtId, SignedAccess},
    signing_key_id::SigningKeyId,
};

/// `typ` of an access token (RFC 9068 §2.1).
pub const ACCESS_TYPE: &str = "at+jwt";

/// Verifies a signed access token: its type, its algorithm and signature by the key that it names, and its
/// issuer. Its times are not looked at: the record decides. `None` for everything else.
pub fn read(text: &str, keys: &SigningRing, issuer: &str) -> Option<SignedAccess> {
    if text.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let (message, signature) = text.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    if payload.contains('.') {
        return None;
    }
    let header = decoded(header).ok()?;
    // Nothing is critical here that this server could understand (RFC 7515 §4.1.11).
    if !is_access_type(member(&header, "typ")?) || header.contains_key("crit") {
        return None;
    }
    let id = SigningKeyId::parse(member(&header, "kid")?)?;
    let algorithm = keys.get(id)?.algorithm();
    if member(&header, "alg")? != algorithm.name() || !keys.verifies(id, message, signature) {
        return None;
    }
    signed_access(&decoded(payload).ok()?, issuer)
}

/// Returns the name of the key that a token says it was signed by, whether it was or not.
pub fn named_key(text: &str) -> Option<SigningKeyId> {
    if text.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let header = decoded(text.split_once('.')?.0).ok()?;
    SigningKeyId::parse(member(&header, "kid")?)
}

fn signed_access(claims: &Map<String, Value>, issuer: &str) -> Option<SignedAccess> {
    if member(claims, "iss")? != issuer {
        return None;
    }
    let own = claims.get("jeton")?;
    let generation = own.get("generation")?.as_u64()?;
    // The grant of a token that came of an exchange; `sid` is the login's.
    let grant = match own.get("grant") {
        None => member(claims, "sid")?,
        Some(grant) => grant.as_str()?,
    };
    let id = BASE64_URL_SAFE_NO_PAD.decode(member(claims, "jti")?).ok()?;
    Some(SignedAccess {
        grant_id: GrantId::parse(grant)?,
        generation: generation.try_into().ok()?,
        id: JwtId::from_bytes(id.try_into().ok()?),
    })
}

/// Compares as RFC 7515 §4.1.9 has it: in any case, with or without `application/`.
fn is_access_type(typ: &str) -> bool {
    let subtype = match typ.split_at_checked("application/".len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case("application/") => subtype,
        _ => typ,
    };
    subtype.eq_ignore_ascii_case(ACCESS_TYPE)
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        domain::{algorithm::Algorithm, entropy::Entropy, signing_times::SigningTimes},
        jose::{SigningKey, TimedKey, Unsigned},
    };

    const ISSUER: &str = "https://tokens.example.internal";

    struct Repeated(u8);

    impl Entropy for Repeated {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn key(algorithm: Algorithm, byte: u8) -> SigningKey {
        let der = SigningKey::generate(algorithm, &Repeated(byte)).expect("a key");
        SigningKey::from_pkcs8(&der).expect("a key")
    }

    fn ring() -> SigningRing {
        let keys = [key(Algorithm::Es256, 7), key(Algorithm::EdDsa, 8)];
        let timed = |key: SigningKey| TimedKey { key: key.into(), times: SigningTimes::default() };
        SigningRing::new(keys.into_iter().map(timed).collect())
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "sid": GrantId::from_bytes([1; 16]).to_string(),
            "jti": BASE64_URL_SAFE_NO_PAD.encode([2; 16]), "jeton": { "generation": 3 },
        })
    }

    fn signed(typ: &str, key: &SigningKey, claims: &Value) -> String {
        Unsigned::new(typ, key, claims).sign(key).expect("signed").expose().to_owned()
    }

    #[test]
    fn a_token_of_ours_is_read_back_by_each_algorithm() {
        let id = JwtId::from_bytes([2; 16]);
        let expected = SignedAccess { grant_id: GrantId::from_bytes([1; 16]), generation: 3, id };
        for (algorithm, byte) in [(Algorithm::Es256, 7), (Algorithm::EdDsa, 8)] {
            for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
                let text = signed(typ, &key(algorithm, byte), &claims());
                assert_eq!(read(&text, &ring(), ISSUER), Some(expected), "{typ}");
            }
        }
    }

    #[test]
    fn every_forgery_is_refused() {
        let own = key(Algorithm::Es256, 7);
        let good = signed("at+jwt", &own, &claims());
        let parts: Vec<&str> = good.split('.').collect();
        let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let with_header = |header: Value| format!("{}.{}.{}", encoded(&header), parts[1], parts[2]);
        let kid = own.id().to_string();
        let mut forged = vec![
            signed("JWT", &own, &claims()),
            signed("token-introspection+jwt", &own, &claims()),
            signed("at+jwt", &key(Algorithm::Es256, 9), &claims()),
            with_header(json!({ "alg": "none", "typ": "at+jwt", "kid": kid })),
            with_header(json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid })),
            with_header(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid })),
            with_header(json!({ "alg": "ES256", "kid": kid })),
            with_header(json!({ "alg": "ES256", "typ": "at+jwt" })),
            with_header(json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": ["exp"] })),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{good}.{}", parts[2]),
            format!("{good}A"),
            String::new(),
            "..".to_owned(),
        ];
        for (name, value) in [
            ("iss", json!("https://other.example")),
            ("sid", json!(GrantId::from_bytes([9; 16]).to_string())),
            ("jti", json!(BASE64_URL_SAFE_NO_PAD.encode([9; 16]))),
            ("jeton", json!({ "generation": 4 })),
        ] {
            let mut changed = claims();
            changed[name] = value;
            forged.push(format!("{}.{}.{}", parts[0], encoded(&changed), parts[2]));
        }
        for text in forged {
            assert_eq!(read(&text, &ring(), ISSUER), None, "{text}");
        }
        assert_eq!(read(&good, &ring(), "https://other.example"), None);
        assert_eq!(read(&good, &SigningRing::default(), ISSUER), None);
    }
}
