//! Public keys of signatures, read from and written as JSON Web Keys (RFC 7517).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use sha2::{Digest as _, Sha256};

use super::{algorithm::Algorithm, invalid::Invalid};

/// Shortest modulus of an RSA key, in bytes: 2,048 bits (RFC 7518 §3.3).
const LEAST_MODULUS: usize = 256;
/// Longest modulus of an RSA key, in bytes: 4,096 bits. A longer one makes each check slow.
const MOST_MODULUS: usize = 512;

const FORM: Invalid = Invalid("must be a public JSON Web Key (RFC 7517)");
const TYPE: Invalid = Invalid("must be a key of EC P-256 or P-384, of Ed25519, or of RSA");

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256, of ES256.
    P256,
    /// NIST P-384, of ES384.
    P384,
}

impl Curve {
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// The length of a coordinate in bytes.
    const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// A public key. Its numbers are big-endian bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicKey {
    /// A point of an elliptic curve (RFC 7518 §6.2).
    Ec {
        /// The curve.
        curve: Curve,
        /// First coordinate, of the curve's length.
        x: Box<[u8]>,
        /// Second coordinate, of the curve's length.
        y: Box<[u8]>,
    },
    /// A key of Ed25519 (RFC 8037 §2).
    Ed25519([u8; 32]),
    /// A key of RSA (RFC 7518 §6.3): 2,048 to 4,096 bits.
    Rsa {
        /// The modulus, without leading zeros.
        n: Box<[u8]>,
        /// The public exponent, without leading zeros: odd, 65,537 to 2^32 - 1.
        e: Box<[u8]>,
    },
}

/// A key with its members about its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadKey {
    /// The key.
    pub key: PublicKey,
    /// `kid`, 1 to [`ReadKey::MAX_KID`] bytes.
    pub kid: Option<Box<str>>,
    /// `alg`, one of the key's type.
    pub algorithm: Option<Algorithm>,
}

/// The members that are looked at; each may be there once.
#[derive(Deserialize)]
pub(super) struct Members {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl ReadKey {
    /// Longest `kid`, in bytes.
    pub const MAX_KID: usize = 255;

    /// Reads a key.
    ///
    /// # Errors
    /// Says what such a key is when `text` is none: not for signatures, of another type, too weak, or with
    /// members of a private key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::of(serde_json::from_str(text).map_err(|_| FORM)?)
    }

    pub(super) fn of(members: Members) -> Result<Self, Invalid> {
        let Members { d, p, q, dp, dq, qi, oth, k, .. } = &members;
        if k.is_some() || members.kty == "oct" {
            return Err(Invalid("must not be a symmetric key, which is a secret"));
        }
        if [d, p, q, dp, dq, qi, oth].iter().any(|member| member.is_some()) {
            return Err(Invalid("must not hold a private key: only its public members"));
        }
        let signs = members.usage.as_deref().is_none_or(|usage| usage == "sig")
            && members.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs {
            return Err(Invalid("must be a key of signatures: use is sig, or key_ops has verify"));
        }
        let key = PublicKey::of(&members)?;
        let kid = members.kid.map(String::into_boxed_str);
        let fits =
            |kid: &str| (1..=Self::MAX_KID).contains(&kid.len()) && !kid.contains(char::is_control);
        if !kid.as_deref().is_none_or(fits) {
            return Err(Invalid("must have a kid of 1 to 255 bytes without control characters"));
        }
        let algorithm = match members.alg {
            None => None,
            Some(name) => {
                let found = key.algorithms().iter().find(|algorithm| algorithm.name() == name);
                Some(*found.ok_or(Invalid("must have an alg of its type, and none of HMAC"))?)
            }
        };
        Ok(Self { key, kid, algorithm })
    }
}

impl PublicKey {
    fn of(members: &Members) -> Result<Self, Invalid> {
        let curve = members.crv.as_deref();
        match (members.kty.as_str(), curve) {
            ("EC", Some("P-256")) => Self::point(Curve::P256, members),
            ("EC", Some("P-384")) => Self::point(Curve::P384, members),
            ("OKP", Some("Ed25519")) => {
                let x = number(members.x.as_deref())?;
                (*x).try_into().map(Self::Ed25519).map_err(|_| FORM)
            }
            ("RSA", None) => Self::rsa(members),
            _ => Err(TYPE),
        }
    }

    fn point(curve: Curve, members: &Members) -> Result<Self, Invalid> {
        let (x, y) = (number(members.x.as_deref())?, number(members.y.as_deref())?);
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(FORM);
        }
        Ok(Self::Ec { curve, x, y })
    }

    fn rsa(members: &Members) -> Result<Self, Invalid> {
        let n = without_zeros(&number(members.n.as_deref())?);
        let e = without_zeros(&number(members.e.as_deref())?);
        let whole = n.first().is_some_and(|first| *first >= 0x80) || n.len() > LEAST_MODULUS;
        if !whole || !(LEAST_MODULUS..=MOST_MODULUS).contains(&n.len()) {
            return Err(Invalid("must be a key of RSA of 2048 to 4096 bits"));
        }
        let exponent = e.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        if e.len() > 4 || exponent < 65_537 || exponent % 2 == 0 {
            return Err(Invalid("must be a key of RSA with an exponent of 65537 or more"));
        }
        Ok(Self::Rsa { n, e })
    }

    /// The algorithms that a signature by this key may have.
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        use Algorithm as A;
        match self {
            Self::Ec { curve: Curve::P256, .. } => &[A::Es256],
            Self::Ec { curve: Curve::P384, .. } => &[A::Es384],
            Self::Ed25519(_) => &[A::EdDsa],
            Self::Rsa { .. } => &[A::Rs256, A::Rs384, A::Rs512, A::Ps256, A::Ps384, A::Ps512],
        }
    }

    /// The members that a JSON Web Key of its type must have, in the order of RFC 7638 §3.2.
    pub fn members(&self) -> Vec<(&'static str, String)> {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec { curve, x, y } => vec![
                ("crv", curve.name().to_owned()),
                ("kty", "EC".to_owned()),
                ("x", text(x)),
                ("y", text(y)),
            ],
            Self::Ed25519(x) => {
                vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", text(x))]
            }
            Self::Rsa { n, e } => {
                vec![("e", text(e)), ("kty", "RSA".to_owned()), ("n", text(n))]
            }
        }
    }

    /// The key's SHA-256 thumbprint (RFC 7638), 43 characters of base64url: its name in commands.
    pub fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.digest())
    }

    /// The bytes of the thumbprint.
    pub(super) fn digest(&self) -> [u8; 32] {
        // No member needs an escape.
        let members = self.members();
        let members = members.iter().map(|(name, value)| format!("\"{name}\":\"{value}\""));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        Sha256::digest(text).into()
    }
}

fn number(text: Option<&str>) -> Result<Box<[u8]>, Invalid> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.ok_or(FORM)?).map_err(|_| FORM)?;
    Ok(bytes.into())
}

fn without_zeros(bytes: &[u8]) -> Box<[u8]> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7638 §3.1.
    const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    /// The key of RFC 7517 appendix A.1.
    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}"#;
    /// The key of RFC 8037 appendix A.2.
    const ED: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn keys_have_the_thumbprints_of_the_specifications() {
        let thumbprint = |text: &str| ReadKey::parse(text).expect("a key").key.thumbprint();
        assert_eq!(thumbprint(RSA), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(thumbprint(ED), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_is_read_with_its_name_and_its_algorithm() {
        let rsa = ReadKey::parse(RSA).expect("a key");
        assert_eq!(rsa.kid.as_deref(), Some("2011-04-29"));
        assert_eq!(rsa.algorithm, Some(Algorithm::Rs256));
        let ec = ReadKey::parse(EC).expect("a key");
        assert_eq!((ec.kid.as_deref(), ec.algorithm), (Some("1"), None));
        assert_eq!(ec.key.algorithms(), [Algorithm::Es256]);
    }

    #[test]
    fn what_is_secret_weak_or_for_something_else_is_refused() {
        let with = |key: &str, member: &str| format!("{},{member}}}", key.trim_end_matches('}'));
        let short = r#"{"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z"}"#;
        for (text, expected) in [
            (with(RSA, r#""d":"AQ""#).as_str(), "private"),
            (&with(EC, r#""d":"AQ""#), "private"),
            (r#"{"kty":"oct","k":"AQ"}"#, "symmetric"),
            (&with(EC, r#""k":"AQ""#), "symmetric"),
            (short, "2048"),
            (&RSA.replace("AQAB", "Aw"), "exponent"),
            (&RSA.replace("RS256", "HS256"), "alg"),
            (&RSA.replace("RS256", "ES256"), "alg"),
            (&EC.replace("sig", "enc"), "signatures"),
            (&with(ED, r#""key_ops":["sign"]"#), "signatures"),
            (&EC.replace("P-256", "secp256k1"), "EC P-256"),
            (&ED.replace("Ed25519", "X25519"), "EC P-256"),
            (&EC.replace("4Etl", ""), "JSON Web Key"),
            (&with(EC, r#""kty":"EC""#), "JSON Web Key"),
            (&EC.replace(r#""kid":"1""#, r#""kid":"""#), "kid"),
            ("{}", "JSON Web Key"),
            ("[]", "JSON Web Key"),
            ("", "JSON Web Key"),
        ] {
            let refused = ReadKey::parse(text).expect_err(text).to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }
}
