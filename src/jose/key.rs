//! One public key of a JWKS (RFC 7517 §4), refused unless it is fit to verify signatures.

use jsonwebtoken::{DecodingKey, DecodingKeyKind, jwk::Jwk};
use serde_json::{Map, Value};

use super::ring;
use crate::domain::algorithm::Algorithm;

/// Longest `kid`, in bytes. It is compared with others and nothing else.
pub(super) const MAX_ID_BYTES: usize = 256;

const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// Public key that verifies signatures of some algorithms.
#[derive(Clone)]
pub(super) struct Key {
    /// `kid`.
    pub(super) id: Option<Box<str>>,
    /// Algorithms of its type; one of them, if the key names it.
    pub(super) algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl Key {
    /// Reads a JWK.
    ///
    /// # Errors
    /// Why the key cannot be used.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, &'static str> {
        ring::install();
        let id = match members.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= MAX_ID_BYTES => Some(id.as_str().into()),
            Some(_) => return Err("its kid is no text of at most 256 bytes"),
        };
        let (of_type, material): (&[Algorithm], &[&str]) =
            match (text(members, "kty"), text(members, "crv")) {
                (Some("RSA"), _) => (&RSA, &["kty", "n", "e"]),
                (Some("EC"), Some("P-256")) => (&[Algorithm::Es256], &["kty", "crv", "x", "y"]),
                (Some("EC"), Some("P-384")) => (&[Algorithm::Es384], &["kty", "crv", "x", "y"]),
                (Some("OKP"), Some("Ed25519")) => (&[Algorithm::EdDsa], &["kty", "crv", "x"]),
                (Some("oct"), _) => return Err("it is a shared secret"),
                _ => return Err("its type or curve is not supported"),
            };
        if members.contains_key("d") {
            return Err("it is a private key, which everybody who can read this set now has");
        }
        check_use(members)?;
        let algorithms = match members.get("alg") {
            None => of_type.to_vec(),
            Some(name) => {
                let named = name.as_str().and_then(Algorithm::named);
                let named = named.filter(|named| of_type.contains(named));
                vec![named.ok_or("its alg is not one for such a key")?]
            }
        };
        let material = material
            .iter()
            .filter_map(|name| members.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        let jwk = serde_json::from_value::<Jwk>(Value::Object(material.collect()));
        let decoding = jwk.ok().and_then(|jwk| DecodingKey::from_jwk(&jwk).ok());
        let decoding = fit(&decoding.ok_or("its numbers cannot be read")?, of_type)?;
        Ok(Self { id, algorithms, decoding })
    }

    /// Returns whether both verify the same signatures.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = match (self.decoding.kind(), other.decoding.kind()) {
            (DecodingKeyKind::SecretOrDer(one), DecodingKeyKind::SecretOrDer(two)) => one == two,
            (
                DecodingKeyKind::RsaModulusExponent { n, e },
                DecodingKeyKind::RsaModulusExponent { n: other_n, e: other_e },
            ) => n == other_n && e == other_e,
            _ => false,
        };
        same && self.algorithms == other.algorithms
    }

    /// Returns whether the key made the signature, in base64url, of the message.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let verified = jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &self.decoding,
            name_for_library(algorithm),
        );
        self.algorithms.contains(&algorithm) && verified.unwrap_or(false)
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// Refuses a key that is declared for something else (RFC 7517 §4.2, §4.3). `jwt-svid` is the use of a trust
/// domain's keys for JWT-SVIDs (SPIFFE Trust Domain and Bundle §4.2.2).
fn check_use(members: &Map<String, Value>) -> Result<(), &'static str> {
    let is_use = |value: &Value| value == "sig" || value == "jwt-svid";
    let for_signatures = members.get("use").is_none_or(is_use);
    let verify = |operations: &Vec<Value>| operations.iter().any(|value| value == "verify");
    let may_verify =
        members.get("key_ops").is_none_or(|operations| operations.as_array().is_some_and(verify));
    if for_signatures && may_verify { Ok(()) } else { Err("it is not for signatures") }
}

/// The key, in the form that ring takes.
fn fit(key: &DecodingKey, of_type: &[Algorithm]) -> Result<DecodingKey, &'static str> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            let strip = |number: &'_ [u8]| {
                let zeros = number.iter().take_while(|byte| **byte == 0).count();
                number[zeros..].to_vec()
            };
            let (n, e) = (strip(n), strip(e));
            let leading = n.first().map_or(0, |first| first.leading_zeros() as usize);
            match n.len() * 8 - leading {
                0..2_048 => Err("it is weak: an RSA key needs 2048 bits"),
                2_048..=8_192 => Ok(DecodingKey::from_rsa_raw_components(&n, &e)),
                _ => Err("it is larger than 8192 bits"),
            }
        }
        DecodingKeyKind::SecretOrDer(point) => {
            let length = match of_type {
                [Algorithm::Es256] => 65,
                [Algorithm::Es384] => 97,
                _ => 32,
            };
            if point.len() == length {
                Ok(key.clone())
            } else {
                Err("its point has a wrong length")
            }
        }
    }
}

const fn name_for_library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Ps384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::Ps512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}
