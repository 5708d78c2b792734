//! Identities of users, which trusted issuers vouch for.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{field_hash::hash_field, invalid::Invalid, issuer_name::IssuerName};

/// One identity of a user: a subject of a trusted issuer. It names the same person for as long as the
/// issuer exists (OIDC Core §5.7); names and e-mail addresses do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserIdentity {
    /// The issuer, by its name in the settings.
    pub issuer: IssuerName,
    /// The `sub` of its ID tokens.
    pub subject: Box<str>,
}

impl UserIdentity {
    /// Most identities of one user.
    pub const MAX: usize = 8;
    /// Longest subject in bytes (OIDC Core §2).
    pub const MAX_SUBJECT: usize = 255;

    /// An identity of these parts.
    ///
    /// # Errors
    /// Says which part is missing, too long, or has control characters.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, Invalid> {
        let issuer = IssuerName::parse(issuer)
            .map_err(|_| Invalid("must name its issuer as the settings do"))?;
        if subject.is_empty()
            || subject.len() > Self::MAX_SUBJECT
            || subject.contains(char::is_control)
        {
            return Err(Invalid(
                "must have a subject of 1 to 255 bytes without control characters",
            ));
        }
        Ok(Self { issuer, subject: subject.into() })
    }

    /// Checks the identities of one user.
    ///
    /// # Errors
    /// When there are more than [`Self::MAX`], or one is there twice.
    pub fn check_all(identities: &[Self]) -> Result<(), Invalid> {
        if identities.len() > Self::MAX {
            return Err(Invalid("must be at most 8"));
        }
        let mut sorted: Vec<_> = identities.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Invalid("must not hold an identity twice"));
        }
        Ok(())
    }

    /// A hash of it, by which stores find its user: all are equally short.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for field in ["jeton user identity", self.issuer.as_str(), &self.subject] {
            hash_field(&mut hash, field.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }
}

impl fmt::Display for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "issuer={},subject={}", self.issuer, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_part_is_empty_too_long_or_has_control_characters() {
        for (issuer, subject) in [
            ("", "alice"),
            ("corp", ""),
            ("corp", "a\nb"),
            ("corp", &"a".repeat(256)),
            ("a b", "x"),
        ] {
            assert!(UserIdentity::new(issuer, subject).is_err(), "{issuer} {subject:.9}");
        }
        assert!(UserIdentity::new("corp", &"a".repeat(255)).is_ok());
    }

    #[test]
    fn a_user_has_eight_different_ones_at_most() {
        let identity = |number: usize| UserIdentity::new("corp", &number.to_string()).expect("one");
        let some: Vec<_> = (0..UserIdentity::MAX).map(identity).collect();
        assert!(UserIdentity::check_all(&some).is_ok());
        assert!(UserIdentity::check_all(&[&some[..], &[identity(9)]].concat()).is_err());
        assert!(UserIdentity::check_all(&[identity(1), identity(2), identity(1)]).is_err());
    }

    proptest! {
        #[test]
        fn different_identities_have_different_digests(
            one in "[a-c.]{1,3}", other in "[a-c.]{1,3}", subjects in "[a-c.]{2,6}", at in 1usize..5,
        ) {
            let (first, second) = subjects.split_at(at.min(subjects.len() - 1));
            let pairs = [(&one[..], first), (&one[..], second), (&other[..], first)];
            let all = pairs.map(|(issuer, subject)| UserIdentity::new(issuer, subject).expect("one"));
            for a in &all {
                for b in &all {
                    prop_assert_eq!(a == b, a.digest() == b.digest());
                }
            }
        }
    }
}
