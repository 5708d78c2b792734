//! Identities of users: how they are typed and printed.

use crate::proto::v1;

/// Reads `issuer=NAME,subject=TEXT`; the subject may hold commas and equals signs.
pub(super) fn parse(text: &str) -> Result<v1::UserIdentity, &'static str> {
    const FORM: &str = "an identity is written issuer=NAME,subject=TEXT";
    let parts = text.strip_prefix("issuer=").and_then(|text| text.split_once(",subject="));
    let (issuer, subject) = parts.ok_or(FORM)?;
    if issuer.is_empty() || subject.is_empty() {
        return Err(FORM);
    }
    Ok(v1::UserIdentity { issuer: issuer.to_owned(), subject: subject.to_owned() })
}

/// As it is typed.
pub(super) fn text(v1::UserIdentity { issuer, subject }: v1::UserIdentity) -> String {
    format!("issuer={issuer},subject={subject}")
}
