//! An issuer of assertions: keys of every kind, the set that it publishes, and JWTs of any content.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
        RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};

/// A private key with its `kid`.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(&'static str, Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// A new key that signs by ES256.
    pub(crate) fn p256(id: &str) -> Self {
        Self::ec(id, "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    /// A new key that signs by ES384.
    pub(crate) fn p384(id: &str) -> Self {
        Self::ec(id, "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    fn ec(id: &str, curve: &'static str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("a key");
        Self { id: id.to_owned(), pair: Pair::Ec(curve, Box::new(key)) }
    }

    /// A new key that signs by `EdDSA`.
    pub(crate) fn ed25519(id: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key");
        Self { id: id.to_owned(), pair: Pair::Ed(Box::new(key)) }
    }

    /// The one RSA key of the tests: ring makes none.
    pub(crate) fn rsa(id: &str) -> Self {
        let text: String = include_str!("issuer_rsa.txt").split_whitespace().collect();
        let key = BASE64_STANDARD.decode(text).expect("base64");
        let key = RsaKeyPair::from_pkcs8(&key).expect("a key");
        Self { id: id.to_owned(), pair: Pair::Rsa(Box::new(key)) }
    }

    /// Its public key as a JWK, without `use` and `alg`.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(key) => {
                let public = key.public();
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(public);
                json!({ "kty": "RSA", "kid": self.id, "n": text(&n), "e": text(&e) })
            }
            Pair::Ec(curve, key) => {
                let (x, y) =
                    key.public_key().as_ref()[1..].split_at(key.public_key().as_ref().len() / 2);
                json!({ "kty": "EC", "crv": curve, "kid": self.id, "x": text(x), "y": text(y) })
            }
            Pair::Ed(key) => {
                let x = text(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x })
            }
        }
    }

    /// The first algorithm of its type.
    pub(crate) fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec("P-384", _) => "ES384",
            Pair::Ec(..) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// A JWT as an honest issuer makes it.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(
            &json!({ "alg": self.algorithm(), "kid": self.id }).to_string(),
            &claims.to_string(),
        )
    }

    /// A JWT with any header and claims, signed by the algorithm that the header names, or by the
    /// first of the key's type.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let message = message(header, claims);
        let named: Value = serde_json::from_str(header).unwrap_or_default();
        let signature = self.signature(named["alg"].as_str().unwrap_or_default(), &message);
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, algorithm: &str, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match &self.pair {
            Pair::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Pair::Ec(_, key) => key.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Pair::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// The JWKS of these keys.
pub(crate) fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let keys: Vec<_> = keys.into_iter().map(SigningKey::jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// Header and claims, ready to be signed.
pub(crate) fn message(header: &str, claims: &str) -> String {
    let text = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
    format!("{}.{}", text(header), text(claims))
}
