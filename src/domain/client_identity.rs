//! Identities that trusted issuers vouch for, and that a client authenticates by (RFC 7523 §2.2).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{invalid::Invalid, issuer_name::IssuerName};

/// One identity of a client. A token of the issuer matches where all of it is the same, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientIdentity {
    /// The issuer, by its name in the settings: several issuers can have one `iss`.
    pub issuer: IssuerName,
    /// The token's `sub`.
    pub subject: Box<str>,
    /// The id of the very object that `subject` names, where the issuer states one: an object that is
    /// deleted and made again has another. `None` for any.
    pub uid: Option<Box<str>>,
}

impl ClientIdentity {
    /// Most identities of one client.
    pub const MAX: usize = 16;
    /// Longest subject in bytes: a SPIFFE id may be so long.
    pub const MAX_SUBJECT: usize = 2048;
    /// Longest uid in bytes.
    pub const MAX_UID: usize = 128;

    /// An identity of these parts; an empty `uid` stands for any.
    ///
    /// # Errors
    /// Says which part is missing, too long, or has control characters.
    pub fn new(issuer: &str, subject: &str, uid: &str) -> Result<Self, Invalid> {
        let issuer = IssuerName::parse(issuer)
            .map_err(|_| Invalid("must name its issuer as the settings do"))?;
        if subject.is_empty()
            || subject.len() > Self::MAX_SUBJECT
            || subject.contains(char::is_control)
        {
            return Err(Invalid(
                "must have a subject of 1 to 2048 bytes without control characters",
            ));
        }
        if uid.len() > Self::MAX_UID || uid.contains(char::is_control) {
            return Err(Invalid("must have a uid of 1 to 128 bytes without control characters"));
        }
        let uid = (!uid.is_empty()).then(|| uid.into());
        Ok(Self { issuer, subject: subject.into(), uid })
    }

    /// Returns whether a token of this issuer, for this subject and with this uid, is of the identity.
    pub fn matches(&self, issuer: &IssuerName, subject: &str, uid: Option<&str>) -> bool {
        self.issuer == *issuer
            && *self.subject == *subject
            && self.uid.as_deref().is_none_or(|pinned| uid == Some(pinned))
    }
}

impl fmt::Display for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "issuer={},subject={}", self.issuer, self.subject)?;
        self.uid.as_ref().map_or(Ok(()), |uid| write!(f, ",uid={uid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(uid: &str) -> ClientIdentity {
        let subject = "system:serviceaccount:shop:orders";
        ClientIdentity::new("prod", subject, uid).expect("an identity")
    }

    #[test]
    fn all_of_an_identity_must_be_the_same() {
        let prod = IssuerName::parse("prod").expect("a name");
        let other = IssuerName::parse("test").expect("a name");
        let (any, pinned) = (identity(""), identity("1"));
        let subject = any.subject.clone();
        assert!(any.matches(&prod, &subject, None) && any.matches(&prod, &subject, Some("2")));
        assert!(pinned.matches(&prod, &subject, Some("1")));
        assert!(!pinned.matches(&prod, &subject, None));
        assert!(!pinned.matches(&prod, &subject, Some("2")));
        assert!(!any.matches(&other, &subject, None));
        for wrong in ["", "system:serviceaccount:shop:order", "SYSTEM:serviceaccount:shop:orders"] {
            assert!(!any.matches(&prod, wrong, None), "{wrong}");
        }
    }

    #[test]
    fn no_part_is_empty_too_long_or_has_control_characters() {
        for (issuer, subject, uid) in [
            ("", "orders", ""),
            ("prod", "", ""),
            ("prod", "a\nb", ""),
            ("prod", "orders", "a\0b"),
            ("prod", &"a".repeat(2049), ""),
            ("prod", "orders", &"a".repeat(129)),
        ] {
            assert!(ClientIdentity::new(issuer, subject, uid).is_err(), "{issuer} {subject:.9}");
        }
    }
}
