//! The four ways to set a secret or password: in clear, by variable, by file, or as a hash.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    str,
};

use zeroize::Zeroizing;

use super::{
    environment::{Environment, TextFile},
    fields::{Fields, Placed},
    path,
    secret_text::secret_text,
    warning::Warning,
};
use crate::domain::{client_secret, invalid::Invalid, secret::Secret};

/// The keys of one kind of credential.
pub(super) struct Keys {
    pub(super) clear: &'static str,
    pub(super) variable: &'static str,
    pub(super) file: &'static str,
    pub(super) hash: &'static str,
    /// Problem to report if more than one is given.
    pub(super) one_only: &'static str,
}

/// The credential in the file.
pub(super) enum Given<H> {
    Nothing,
    Clear(Clear),
    Hash(H),
    /// The credential is invalid, and a fault was reported.
    Fault,
}

/// A credential in clear, with its place.
pub(super) struct Clear {
    pub(super) at: usize,
    pub(super) key: &'static str,
    pub(super) text: Secret,
}

/// Reads the one key that is present.
pub(super) fn read<H>(
    fields: &mut Fields<'_, '_>,
    keys: &Keys,
    environment: &dyn Environment,
    parse_hash: impl FnOnce(&str) -> Result<H, Invalid>,
) -> Given<H> {
    let all = [keys.clear, keys.variable, keys.file, keys.hash];
    let mut places: Vec<_> =
        all.into_iter().filter_map(|key| Some((fields.place(key)?, key))).collect();
    places.sort_unstable();
    for (at, key) in places.iter().skip(1) {
        fields.fault(*at, key, keys.one_only);
    }

    let clear = fields.text(keys.clear, "a string", |text| checked(Secret::new(text)));
    if clear.is_some() {
        fields.report().holds_secrets = true;
    }
    let variable = fields.text(keys.variable, "the name of a variable", variable_name);
    let variable = variable.and_then(|name| from_variable(fields, keys, &name, environment));
    let file = fields.text(keys.file, "a path", file_path);
    let file = file.and_then(|path| from_file(fields, keys, &path, environment));
    let hash = fields.text(keys.hash, "a string", parse_hash);

    match (&*places, clear.map(|clear| clear.value).or(variable).or(file), hash) {
        ([], _, _) => Given::Nothing,
        (&[(at, key)], Some(text), _) => Given::Clear(Clear { at, key, text }),
        ([_], None, Some(hash)) => Given::Hash(hash.value),
        _ => Given::Fault,
    }
}

fn checked(secret: Secret) -> Result<Secret, Invalid> {
    if secret.is_empty() || secret.is_too_long() {
        return Err(Invalid("must be 1 to 1024 bytes"));
    }
    // The rules are those for secrets set over the API.
    secret.prepared()?;
    Ok(secret)
}

/// Parses a variable's name. A secret under the wrong key is refused.
fn variable_name(text: &str) -> Result<String, Invalid> {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let number = text.bytes().next().is_none_or(|first| first.is_ascii_digit());
    if !word || number || client_secret::is_generated(&Secret::new(text)) {
        return Err(Invalid("must be the name of an environment variable"));
    }
    Ok(text.to_owned())
}

fn from_variable(
    fields: &mut Fields<'_, '_>,
    keys: &Keys,
    name: &Placed<String>,
    environment: &dyn Environment,
) -> Option<Secret> {
    let variable = &name.value;
    let secret = match environment.variable(variable).map(OsString::into_string) {
        // The text can be a secret under the wrong key, so it is not shown.
        None => Err("the environment variable that it names is not set, or empty".to_owned()),
        Some(Err(_)) => Err(format!("the environment variable {variable} is not UTF-8")),
        Some(Ok(text)) => checked(Secret::new(secret_text(&Zeroizing::new(text))))
            .map_err(|invalid| format!("the environment variable {variable} {invalid}")),
    };
    secret.map_err(|problem| fields.fault(name.at, keys.variable, &problem)).ok()
}

/// Parses a path. A secret under the wrong key is refused.
fn file_path(text: &str) -> Result<PathBuf, Invalid> {
    if client_secret::is_generated(&Secret::new(text)) {
        return Err(Invalid("must be a path"));
    }
    path::path(text)
}

/// Returns `true` if an unreadable file exists, so that its path is a path.
fn is_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied)
}

fn from_file(
    fields: &mut Fields<'_, '_>,
    keys: &Keys,
    path: &Placed<PathBuf>,
    environment: &dyn Environment,
) -> Option<Secret> {
    let shown = path.value.display();
    let secret = match environment.read(&path.value) {
        Err(error) if is_there(&error) => Err(format!("{shown} cannot be read: {error}")),
        // The text can be a secret under the wrong key, so it is not shown.
        Err(error) => Err(format!("the file that it names cannot be read: {error}")),
        Ok(file) => {
            warn_if_exposed(fields, &path.value, &file);
            text_of(&file).and_then(checked).map_err(|invalid| format!("{shown} {invalid}"))
        }
    };
    secret.map_err(|problem| fields.fault(path.at, keys.file, &problem)).ok()
}

fn warn_if_exposed(fields: &mut Fields<'_, '_>, path: &Path, file: &TextFile) {
    if file.exposed {
        fields.report().warn(Warning::Exposed { path: path.to_owned() });
    }
}

fn text_of(file: &TextFile) -> Result<Secret, Invalid> {
    let text = str::from_utf8(&file.bytes).map_err(|_| Invalid("must be UTF-8"))?;
    Ok(Secret::new(secret_text(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_under_the_wrong_key_is_not_taken_for_a_name() {
        let generated = format!("jcs_{}", "0".repeat(44));
        assert!(client_secret::is_generated(&Secret::new(generated.as_str())));
        assert!(variable_name(&generated).is_err());
        assert!(file_path(&generated).is_err());
        for text in ["", "correct horse", "hunter-2", "2FA", "p@ss"] {
            assert!(variable_name(text).is_err(), "{text}");
        }
        assert!(variable_name("ORDERS_SECRET").is_ok());
    }
}
