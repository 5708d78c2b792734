//! The signature algorithms of assertions (RFC 7518 §3.1, RFC 8037 §3.1).

use super::invalid::Invalid;

/// Algorithm of a signature that a public key verifies. There is no `none` and no HMAC here, so that
/// nothing can let them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in the `alg` of headers and keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, in its case (RFC 7515 §4.1.1).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Reads a list of names.
    ///
    /// # Errors
    /// For an empty list, and for a name that is no algorithm's.
    pub fn list(names: &[&str]) -> Result<Vec<Self>, Invalid> {
        let known = names.iter().map(|name| Self::named(name)).collect::<Option<Vec<_>>>();
        known.filter(|known| !known.is_empty()).ok_or(Invalid(
            "must name one or more of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signatures_of_public_keys_have_names() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        for name in ["none", "None", "HS256", "HS512", "rs256", "ES512", "ES256K", "", "RSA1_5"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
        let listed = Algorithm::list(&["ES256", "RS256"]);
        assert_eq!(listed, Ok(vec![Algorithm::Es256, Algorithm::Rs256]));
        assert!(Algorithm::list(&[]).is_err() && Algorithm::list(&["ES256", "none"]).is_err());
    }
}
