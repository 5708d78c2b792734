//! Settings with a few named values.

use crate::domain::{
    access_format::AccessTokenFormat,
    client::{IntrospectReach, Permissions, WhenFull},
    confirmation::BoundTo,
    grant_type::{GrantType, GrantTypes},
    invalid::Invalid,
    permission::Permission,
};

/// Parses `own`, `audience` or `any`.
pub(super) fn introspect(text: &str) -> Result<IntrospectReach, Invalid> {
    let named = IntrospectReach::ALL.into_iter().find(|reach| reach.name() == text);
    named.ok_or(Invalid(r#"must be "own", "audience" or "any""#))
}

/// Parses `opaque` or `jwt`.
pub(super) fn access_token_format(text: &str) -> Result<AccessTokenFormat, Invalid> {
    let named = AccessTokenFormat::ALL.into_iter().find(|format| format.name() == text);
    named.ok_or(Invalid(r#"must be "opaque" or "jwt""#))
}

/// Parses `none`, `certificate` or `identity`.
pub(super) fn bound_to(text: &str) -> Result<Option<BoundTo>, Invalid> {
    if text == "none" {
        return Ok(None);
    }
    let named = BoundTo::ALL.into_iter().find(|part| part.name() == text);
    named.map(Some).ok_or(Invalid(r#"must be "none", "certificate" or "identity""#))
}

/// Parses `evict` or `refuse`.
pub(super) fn when_full(text: &str) -> Result<WhenFull, Invalid> {
    let named = WhenFull::ALL.into_iter().find(|choice| choice.name() == text);
    named.ok_or(Invalid(r#"must be "evict" or "refuse""#))
}

/// Parses the names of grant types.
pub(super) fn grants(names: &[&str]) -> Result<GrantTypes, Invalid> {
    let known: Option<GrantTypes> = names.iter().map(|name| GrantType::from_word(name)).collect();
    known.ok_or(Invalid(
        "each must be \"password\", \"client_credentials\", \"refresh_token\", \"jwt_bearer\" or \
         \"token_exchange\"",
    ))
}

/// Parses the names of permissions.
pub(super) fn permissions(names: &[&str]) -> Result<Permissions, Invalid> {
    let known = names.iter().map(|name| Permission::parse(name));
    known.collect::<Option<Permissions>>().ok_or(Invalid(
        r#"each must be "admin", "backup", "status", "audit.read", "users" or "inactive_reason""#,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_type_is_named_and_every_name_is_in_the_refusal() {
        let refusal = grants(&["implicit"]).expect_err("not spoken").to_string();
        for grant_type in GrantType::ALL {
            let read = grants(&[grant_type.word()]).expect("a grant type");
            assert!(read.contains(grant_type));
            assert!(refusal.contains(&format!("{:?}", grant_type.word())), "{refusal}");
        }
    }

    #[test]
    fn permissions_add_up() {
        assert_eq!(permissions(&[]), Ok(Permissions::default()));
        let both = permissions(&["inactive_reason", "admin"]).expect("both");
        assert!(both.admin && both.inactive_reason);
        let parts = permissions(&["backup", "audit.read"]).expect("both");
        assert!(parts.holds(Permission::Backup) && parts.holds(Permission::AuditRead));
        assert!(!parts.admin && !parts.holds(Permission::Users));
        assert!(permissions(&["Admin"]).is_err());
    }

    #[test]
    fn reach_is_one_of_three_words() {
        assert_eq!(introspect("own"), Ok(IntrospectReach::Own));
        assert_eq!(introspect("audience"), Ok(IntrospectReach::Audience));
        assert_eq!(introspect("any"), Ok(IntrospectReach::Any));
        assert!(introspect("").is_err());
    }
}
