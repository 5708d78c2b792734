//! A private key that signs access tokens, read from and written as PKCS#8 (RFC 5208).

use std::fmt;

use p256::{
    ecdsa::{Signature, signature::Signer as _},
    elliptic_curve::sec1::ToSec1Point as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, PublicKeyComponents},
    signature::RSA_PKCS1_SHA256,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::ed25519::Ed25519Key;
use crate::domain::{
    algorithm::Algorithm,
    entropy::{Entropy, draw},
    public_key::{Curve, PublicKey},
    signing_key_id::SigningKeyId,
};

/// Start of a PKCS#8 key of Ed25519 (RFC 8410 §7); the seed follows.
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Attempts to draw a number below the order of P-256: one in 2^32 fails.
const DRAWS: usize = 8;

/// Reason for which a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be a private key of P-256, of Ed25519, or of RSA with 2048 to 4096 bits, as PKCS#8")]
pub struct Unfit;

/// A signature that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature could not be made")]
pub struct NotSigned;

/// A key with the one algorithm that it signs by: ES256, RS256 or `EdDSA`. Each signature is a function of
/// the key and the message (RFC 6979, RFC 8017 §8.2, RFC 8032), so that a repeated answer is the same.
pub struct SigningKey {
    id: SigningKeyId,
    public: PublicKey,
    secret: Private,
}

enum Private {
    Es256(Box<p256::ecdsa::SigningKey>),
    EdDsa(Ed25519Key),
    Rs256(Box<RsaKeyPair>),
}

impl SigningKey {
    /// Makes the PKCS#8 bytes of a new key. `None` for an algorithm whose keys are not made here: those of
    /// RSA are made by other programs.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Option<Zeroizing<Vec<u8>>> {
        match algorithm {
            Algorithm::Es256 => (0..DRAWS).find_map(|_| {
                let bytes = Zeroizing::new(draw::<32>(entropy));
                let key = p256::SecretKey::from_slice(&*bytes).ok()?;
                Some(key.to_pkcs8_der().ok()?.to_bytes())
            }),
            Algorithm::EdDsa => {
                let seed = Zeroizing::new(draw::<32>(entropy));
                let mut bytes = Zeroizing::new(Vec::with_capacity(48));
                bytes.extend_from_slice(&ED25519_PKCS8);
                bytes.extend_from_slice(&*seed);
                Some(bytes)
            }
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Es384 => None,
        }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// For bytes that are no such key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Unfit> {
        let (public, secret) = if let Ok(key) = p256::SecretKey::from_pkcs8_der(der) {
            let point = key.public_key().to_sec1_point(false);
            let (x, y) = point.x().zip(point.y()).ok_or(Unfit)?;
            let public = PublicKey::Ec { curve: Curve::P256, x: (**x).into(), y: (**y).into() };
            (public, Private::Es256(Box::new(key.into())))
        } else if let Some(key) = Ed25519Key::from_pkcs8(der) {
            (PublicKey::Ed25519(key.public().ok_or(Unfit)?), Private::EdDsa(key))
        } else {
            let key = RsaKeyPair::from_pkcs8(der).map_err(|_| Unfit)?;
            let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
            let public = PublicKey::Rsa { n: n.into(), e: e.into() };
            (public, Private::Rs256(Box::new(key)))
        };
        Ok(Self { id: SigningKeyId::of(&public), public, secret })
    }

    /// The key's name.
    pub const fn id(&self) -> SigningKeyId {
        self.id
    }

    /// The algorithm that it signs by.
    pub const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Private::Es256(_) => Algorithm::Es256,
            Private::EdDsa(_) => Algorithm::EdDsa,
            Private::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Its public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message: in 6 to 70 µs, by RSA in about a millisecond.
    ///
    /// # Errors
    /// When the library fails; no message is known for which it does.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        match &self.secret {
            Private::Es256(key) => {
                let signature: Signature = key.try_sign(message).map_err(|_| NotSigned)?;
                Ok(signature.to_bytes().to_vec())
            }
            Private::EdDsa(key) => Ok(key.sign(message)),
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                // Randomness blinds the computation; the signature does not depend on it.
                let random = SystemRandom::new();
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.map(|()| signature).map_err(|_| NotSigned)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm().name(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    };
    use serde_json::json;

    use super::*;
    use crate::jose::key::Key;

    struct Repeated(u8);

    impl Entropy for Repeated {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn rsa() -> Vec<u8> {
        let text = include_str!("../../tests/common/issuer_rsa.txt");
        let text: String = text.split_whitespace().collect();
        BASE64_STANDARD.decode(text).expect("base64")
    }

    fn keys() -> Vec<SigningKey> {
        let made = [Algorithm::Es256, Algorithm::EdDsa];
        let made = made.map(|algorithm| SigningKey::generate(algorithm, &Repeated(7)));
        let made = made.into_iter().map(|made| made.expect("a key").to_vec());
        made.chain([rsa()]).map(|der| SigningKey::from_pkcs8(&der).expect("a key")).collect()
    }

    #[test]
    fn each_algorithm_signs_alike_each_time_and_its_public_key_verifies_that() {
        for (key, again) in keys().iter().zip(keys()) {
            let algorithm = key.algorithm();
            let signature = key.sign(b"a.b").expect("a signature");
            assert_eq!(signature, again.sign(b"a.b").expect("a signature"), "{algorithm:?}");
            assert_ne!(signature, again.sign(b"a.c").expect("a signature"));
            let members = key.public().members().into_iter();
            let jwk = members.map(|(name, value)| (name.to_owned(), json!(value))).collect();
            let public = Key::read(&jwk).expect("a public key");
            let text = BASE64_URL_SAFE_NO_PAD.encode(&signature);
            assert!(public.verifies(algorithm, "a.b", &text), "{algorithm:?}");
            assert!(!public.verifies(algorithm, "a.c", &text), "{algorithm:?}");
        }
    }

    /// The vector of RFC 6979 §A.2.5 for SHA-256 and the message "sample".
    #[test]
    fn es256_signs_as_rfc_6979_has_it() {
        const KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        const R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
        const S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        let bytes = |text: &str| -> [u8; 32] {
            let mut bytes = [0; 32];
            base16ct::lower::decode(text, &mut bytes).expect("hexadecimal");
            bytes
        };
        let secret = p256::SecretKey::from_slice(&bytes(KEY)).expect("a key");
        let der = secret.to_pkcs8_der().expect("a key");
        let key = SigningKey::from_pkcs8(der.as_bytes()).expect("a key");
        assert_eq!(key.sign(b"sample").expect("a signature"), [bytes(R), bytes(S)].concat());
    }

    #[test]
    fn no_debug_output_holds_a_private_key() {
        for key in keys() {
            assert_eq!(
                format!("{key:?}"),
                format!("SigningKey({} {})", key.algorithm().name(), key.id())
            );
        }
        assert!(SigningKey::from_pkcs8(b"nothing").is_err());
        assert!(SigningKey::generate(Algorithm::Rs256, &Repeated(7)).is_none());
    }
}
