//! The public keys of a server (RFC 7517 §5), which verify signed access tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::Value;

/// Maximum number of keys that are read.
const MOST: usize = 64;

/// The keys.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

/// One key, which verifies signatures of one algorithm.
pub(super) struct Key {
    id: String,
    algorithm: &'static str,
    material: Material,
}

enum Material {
    Whole(UnparsedPublicKey<Vec<u8>>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl Keys {
    /// Reads a key set. Keys of unknown types are left out: the server is asked about their tokens.
    pub(super) fn read(jwks: &str) -> Self {
        let set: Value = serde_json::from_str(jwks).unwrap_or_default();
        let listed = set.get("keys").and_then(Value::as_array);
        Self(listed.into_iter().flatten().take(MOST).filter_map(Key::read).collect())
    }

    /// Returns the key of that name.
    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Returns `true` if each of the keys is in `others` by its name, which is its thumbprint.
    pub(super) fn are_all_in(&self, others: &Self) -> bool {
        self.0.iter().all(|key| others.get(&key.id).is_some())
    }
}

impl Key {
    fn read(members: &Value) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let (algorithm, material) = match (text("kty")?, text("crv")) {
            ("EC", Some("P-256")) => {
                let point = [vec![4], number("x")?, number("y")?].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                ("ES256", Material::Whole(key))
            }
            ("OKP", Some("Ed25519")) => {
                ("EdDSA", Material::Whole(UnparsedPublicKey::new(&ED25519, number("x")?)))
            }
            ("RSA", _) => {
                let components = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
                ("RS256", Material::Rsa(components))
            }
            _ => return None,
        };
        let id = text("kid")?.to_owned();
        (text("alg")? == algorithm).then_some(Self { id, algorithm, material })
    }

    /// Returns `true` if the key made the signature of the message by the algorithm of that name.
    pub(super) fn verifies(&self, algorithm: &str, message: &str, signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Whole(key) => key.verify(message.as_bytes(), signature),
            Material::Rsa(key) => {
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), signature)
            }
        };
        algorithm == self.algorithm && verified.is_ok()
    }
}
