//! Credentials of a declared client in place of a secret: identities of trusted issuers, and public keys.

use std::{path::Path, str};

use super::{
    environment::Environment,
    fields::{Fields, Placed},
    path,
};
use crate::domain::{
    client_identity::ClientIdentity, client_key::ClientKey, invalid::Invalid,
    issuer_name::IssuerName,
};

/// Reads `identities`: a list of tables; `None` if it is not there, or something of it is invalid.
pub(super) fn identities(fields: &mut Fields<'_, '_>) -> Option<Vec<ClientIdentity>> {
    fields.place("identities")?;
    let mut valid = true;
    let mut identities: Vec<ClientIdentity> = Vec::new();
    fields.records("identities", |fields| {
        let identity = identity(fields);
        valid &= identity.is_some();
        identities.extend(identity.filter(|identity| !identities.contains(identity)));
        Some(())
    });
    valid.then_some(identities)
}

fn identity(fields: &mut Fields<'_, '_>) -> Option<ClientIdentity> {
    const ANY: &str = "any";
    let part = |made: Result<ClientIdentity, Invalid>, text: &str| made.map(|_| text.to_owned());
    let issuer = fields.required("issuer", "a string", |text| {
        IssuerName::parse(text).map(|name| name.as_str().to_owned())
    });
    let subject = fields
        .required("subject", "a string", |text| part(ClientIdentity::new(ANY, text, ""), text));
    let given = fields.place("uid").is_some();
    let uid = fields.text("uid", "a string", |text| match text {
        "" => Err(Invalid("must not be empty: leave it out for any")),
        text => part(ClientIdentity::new(ANY, ANY, text), text),
    });
    if given && uid.is_none() {
        return None;
    }
    let uid = uid.map(Placed::value).unwrap_or_default();
    ClientIdentity::new(&issuer?.value, &subject?.value, &uid).ok()
}

/// Reads the keys of the file that `jwks_file` names; `None` if it names none, or one without keys.
pub(super) fn keys(
    fields: &mut Fields<'_, '_>,
    environment: &dyn Environment,
) -> Option<Vec<ClientKey>> {
    let Placed { at, value: path } = fields.text("jwks_file", "a path", path::path)?;
    match read(&path, environment) {
        Ok(keys) => Some(keys),
        Err(problem) => {
            fields.fault(at, "jwks_file", &problem);
            None
        }
    }
}

fn read(path: &Path, environment: &dyn Environment) -> Result<Vec<ClientKey>, String> {
    let shown = path.display();
    let file =
        environment.read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    parse(&file.bytes).map_err(|invalid| format!("{shown} {invalid}"))
}

fn parse(bytes: &[u8]) -> Result<Vec<ClientKey>, Invalid> {
    ClientKey::parse_all(str::from_utf8(bytes).map_err(|_| Invalid("must be UTF-8"))?)
}

/// The public keys in a file's contents, each written as a JSON Web Key.
///
/// # Errors
/// Says what such a file is when `bytes` are none.
pub fn client_keys(bytes: &[u8]) -> Result<Vec<String>, Invalid> {
    Ok(parse(bytes)?.iter().map(ClientKey::to_jwk).collect())
}
