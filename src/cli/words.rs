//! The words that commands read and print in place of protobuf's enum names: those of the settings file.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::proto::v1::{
    AccessTokenFormat, BoundTo, ClientType, GrantType, InactiveReason, IntrospectReach, Permission,
    TokenKind, WhenFull,
};

/// An enum whose values have words. The unspecified value has none.
pub(super) trait Word: Copy + PartialEq + TryFrom<i32> + Send + Sync + 'static {
    /// Every value that there is a word for.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for a value as it came over the wire; `None` for the unspecified one, and for one
    /// that only a newer server knows.
    fn word(value: i32) -> Option<&'static str> {
        let value = Self::try_from(value).ok()?;
        Self::WORDS.iter().find(|(_, known)| *known == value).map(|(word, _)| *word)
    }

    /// Reads an argument.
    fn parser() -> impl TypedValueParser<Value = Self> {
        let words = PossibleValuesParser::new(Self::WORDS.iter().map(|(word, _)| *word));
        words.try_map(|text| {
            let found = Self::WORDS.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or("not one of the words")
        })
    }
}

impl Word for AccessTokenFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("opaque", Self::Opaque), ("jwt", Self::Jwt)];
}

impl Word for BoundTo {
    const WORDS: &'static [(&'static str, Self)] =
        &[("certificate", Self::Certificate), ("identity", Self::Identity)];
}

impl Word for ClientType {
    const WORDS: &'static [(&'static str, Self)] =
        &[("confidential", Self::Confidential), ("public", Self::Public)];
}

impl Word for GrantType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("password", Self::Password),
        ("refresh_token", Self::RefreshToken),
        ("client_credentials", Self::ClientCredentials),
        ("jwt_bearer", Self::JwtBearer),
        ("token_exchange", Self::TokenExchange),
    ];
}

impl Word for IntrospectReach {
    const WORDS: &'static [(&'static str, Self)] =
        &[("own", Self::Own), ("audience", Self::Audience), ("any", Self::Any)];
}

impl Word for Permission {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("admin", Self::Admin),
        ("inactive_reason", Self::InactiveReason),
        ("backup", Self::Backup),
        ("status", Self::Status),
        ("audit.read", Self::AuditRead),
        ("users", Self::Users),
    ];
}

impl Word for WhenFull {
    const WORDS: &'static [(&'static str, Self)] =
        &[("evict", Self::EvictOldest), ("refuse", Self::Refuse)];
}

impl Word for TokenKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("access", Self::Access), ("refresh", Self::Refresh)];
}

impl Word for InactiveReason {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("unknown", Self::Unknown),
        ("wrong_kind", Self::WrongKind),
        ("not_visible", Self::NotVisible),
        ("expired", Self::Expired),
        ("revoked", Self::Revoked),
        ("replayed", Self::Replayed),
        ("superseded", Self::Superseded),
        ("client_ended", Self::ClientEnded),
        ("subject_ended", Self::SubjectEnded),
        ("ancestor_ended", Self::AncestorEnded),
    ];
}

/// The words for several values.
pub(super) fn words<T: Word>(values: &[i32]) -> Vec<&'static str> {
    values.iter().copied().filter_map(T::word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_value_has_a_word<T: Word>() {
        assert_eq!(T::word(0), None, "the unspecified value");
        let known = (1..100).filter(|value| T::try_from(*value).is_ok());
        let without: Vec<_> = known.filter(|value| T::word(*value).is_none()).collect();
        assert_eq!(without, [0; 0], "{}", std::any::type_name::<T>());
    }

    #[test]
    fn every_value_of_every_enum_has_a_word() {
        every_value_has_a_word::<AccessTokenFormat>();
        every_value_has_a_word::<BoundTo>();
        every_value_has_a_word::<ClientType>();
        every_value_has_a_word::<GrantType>();
        every_value_has_a_word::<IntrospectReach>();
        every_value_has_a_word::<Permission>();
        every_value_has_a_word::<WhenFull>();
        every_value_has_a_word::<TokenKind>();
        every_value_has_a_word::<InactiveReason>();
    }
}
