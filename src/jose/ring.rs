//! The cryptography of `jsonwebtoken`: ring, the same code that TLS verifies signatures with.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{Error as SignatureError, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Verifies only: no key of ours signs JWTs.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the cryptography of `jsonwebtoken` in this process. Only the first call has an effect.
pub(super) fn install() {
    PROVIDER.install_default().ok();
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    let rsa = |parameters, n: &[u8], e: &[u8]| {
        Key::Rsa(parameters, RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() })
    };
    let key = match (algorithm, key.kind()) {
        (Algorithm::RS256, RsaModulusExponent { n, e }) => rsa(&RSA_PKCS1_2048_8192_SHA256, n, e),
        (Algorithm::RS384, RsaModulusExponent { n, e }) => rsa(&RSA_PKCS1_2048_8192_SHA384, n, e),
        (Algorithm::RS512, RsaModulusExponent { n, e }) => rsa(&RSA_PKCS1_2048_8192_SHA512, n, e),
        (Algorithm::PS256, RsaModulusExponent { n, e }) => rsa(&RSA_PSS_2048_8192_SHA256, n, e),
        (Algorithm::PS384, RsaModulusExponent { n, e }) => rsa(&RSA_PSS_2048_8192_SHA384, n, e),
        (Algorithm::PS512, RsaModulusExponent { n, e }) => rsa(&RSA_PSS_2048_8192_SHA512, n, e),
        (Algorithm::ES256, SecretOrDer(point)) => Key::Ec(&ECDSA_P256_SHA256_FIXED, point.clone()),
        (Algorithm::ES384, SecretOrDer(point)) => Key::Ec(&ECDSA_P384_SHA384_FIXED, point.clone()),
        (Algorithm::EdDSA, SecretOrDer(point)) => Key::Ed(point.clone()),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(RingVerifier { algorithm, key }))
}

/// Public key with the parameters of its algorithm.
enum Key {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Ec(&'static EcdsaVerificationAlgorithm, Vec<u8>),
    Ed(Vec<u8>),
}

struct RingVerifier {
    algorithm: Algorithm,
    key: Key,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let verified = match &self.key {
            Key::Rsa(parameters, key) => key.verify(parameters, message, signature),
            Key::Ec(curve, point) => {
                UnparsedPublicKey::new(*curve, point).verify(message, signature)
            }
            Key::Ed(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.map_err(|_| SignatureError::new())
    }
}
