//! Profiles: servers and credentials by name, in a file that only its owner can read.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use thiserror::Error;
use toml_span::{
    Value,
    value::{Table, ValueInner},
};
use zeroize::Zeroizing;

use super::{encryption::Encryption, person_tokens::PersonTokens};
use crate::{
    config::{Environment as _, ProcessEnvironment},
    domain::secret::Secret,
};

/// Largest file that is read, in bytes: room for thousands of profiles.
const MAX_BYTES: u64 = 1024 * 1024;

/// Contents of a profile. All of it is optional.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// The first is the one that commands call; status and health ask all of them.
    pub(super) servers: Vec<String>,
    pub(super) encryption: Encryption,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    /// In place of a secret.
    pub(super) assertion_file: Option<PathBuf>,
    /// Tokens of a person, by which commands call.
    pub(super) person: Option<PersonTokens>,
}

/// Reason for which a profile cannot be used. None of these quotes the file, which holds secrets, nor the name
/// of a profile that is not there, which may be a secret in the wrong place.
#[derive(Debug, Error)]
pub(super) enum ProfileError {
    #[error("no place for profiles: neither XDG_CONFIG_HOME nor HOME names a directory")]
    Nowhere,
    #[error("{}: {error}; it should hold a table of the profile's name with server, client_id and client_secret or assertion_file", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: belongs to somebody else; a profile must be its user's own file", .0.display())]
    Foreign(PathBuf),
    #[error("{path}: others can read or write it; run: chmod 600 {path}", path = .0.display())]
    Exposed(PathBuf),
    #[error("{}: no profile of that name; {known}", .path.display())]
    Unknown { path: PathBuf, known: String },
    #[error("{}:{line}: {problem}", .path.display())]
    Faulty { path: PathBuf, line: usize, problem: &'static str },
    #[error("there is a profile [{0}] already: choose another with --profile")]
    Taken(String),
    #[error("a profile's name is letters, digits, - and _")]
    Name,
    #[error("what a profile holds has no control characters, and paths are UTF-8")]
    Text,
    #[error("{}: {error}", .path.display())]
    Unwritable { path: PathBuf, error: io::Error },
}

impl Profile {
    /// Reads the profile of that name.
    pub(super) fn load(name: &str) -> Result<Self, ProfileError> {
        let path = path().ok_or(ProfileError::Nowhere)?;
        let text = read(&path)?;
        let fault = |at: usize, problem| {
            let line = text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
            ProfileError::Faulty { path: path.clone(), line, problem }
        };
        let mut file =
            toml_span::parse(&text).map_err(|error| fault(error.span.start, "this is no TOML"))?;
        let unknown = |known| ProfileError::Unknown { path: path.clone(), known };
        let ValueInner::Table(mut profiles) = file.take() else { return Err(unknown(NONE.into())) };
        let Some(mut value) = profiles.remove(name) else { return Err(unknown(named(&profiles))) };
        let at = value.span.start;
        let ValueInner::Table(entries) = value.take() else {
            return Err(fault(at, "a profile is a table"));
        };
        let mut profile = Self::default();
        let (mut access_token, mut refresh_token, mut expire_time) = (None, None, None);
        for (key, mut value) in entries {
            if &*key.name == "servers" {
                let servers = strings(value);
                profile.servers =
                    servers.ok_or_else(|| fault(key.span.start, "not a list of strings"))?;
                continue;
            }
            let text = string(&mut value).ok_or_else(|| fault(key.span.start, "not a string"))?;
            match &*key.name {
                "server" => profile.servers = vec![text],
                "ca" => profile.encryption.ca = Some(text.into()),
                "cert" => profile.encryption.cert = Some(text.into()),
                "key" => profile.encryption.key = Some(text.into()),
                "client_id" => profile.client_id = Some(text),
                "client_secret" => {
                    let secret = Secret::new(text);
                    if secret.has_line_break() {
                        return Err(fault(key.span.start, "a secret has no line breaks"));
                    }
                    profile.client_secret = Some(secret);
                }
                "assertion_file" => profile.assertion_file = Some(text.into()),
                "access_token" => access_token = Some(Secret::new(text)),
                "access_token_expire_time" => expire_time = Some(text),
                "refresh_token" => refresh_token = Some(Secret::new(text)),
                _ => {
                    let problem = "a profile has server or servers, ca, cert, key, client_id and \
                                   client_secret or assertion_file, nothing else but what jeton \
                                   login writes";
                    return Err(fault(key.span.start, problem));
                }
            }
        }
        if profile.client_secret.is_some() && profile.assertion_file.is_some() {
            return Err(fault(at, "a profile has client_secret or assertion_file, not both"));
        }
        profile.person = access_token.map(|access_token| PersonTokens {
            access_token,
            expire_time: expire_time.unwrap_or_default(),
            refresh_token: refresh_token.unwrap_or_else(|| Secret::new("")),
            client_secret: profile.client_secret.clone().unwrap_or_else(|| Secret::new("")),
            profile: name.to_owned(),
        });
        Ok(profile)
    }
}

/// Text about a file without profiles.
const NONE: &str = "it holds none";

/// Returns the names of the profiles.
fn named(profiles: &Table<'_>) -> String {
    let tables = profiles.iter().filter(|(_, value)| value.as_table().is_some());
    let names: Vec<_> = tables.map(|(key, _)| format!("[{}]", key.name)).collect();
    if names.is_empty() { NONE.to_owned() } else { format!("it holds {}", names.join(", ")) }
}

fn string(value: &mut Value<'_>) -> Option<String> {
    if let ValueInner::String(text) = value.take() { Some(text.into_owned()) } else { None }
}

fn strings(mut value: Value<'_>) -> Option<Vec<String>> {
    let ValueInner::Array(items) = value.take() else { return None };
    items.into_iter().map(|mut item| string(&mut item)).collect()
}

/// By the XDG base directory specification, which says that a relative path is to be ignored.
pub(super) fn path() -> Option<PathBuf> {
    let absolute = |name| {
        let path = ProcessEnvironment.variable(name).map(PathBuf::from)?;
        path.is_absolute().then_some(path)
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("jeton").join("profiles.toml"))
}

/// Owner and mode come from the open file, since its name may refer to another one a moment later.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, ProfileError> {
    let unreadable = |error| {
        let path = path.to_owned();
        ProfileError::Unreadable { path, error }
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check(path, &metadata)?;
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let room = usize::try_from(metadata.len().min(MAX_BYTES) + 1).unwrap_or(0);
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(unix)]
fn check(path: &Path, metadata: &Metadata) -> Result<(), ProfileError> {
    use std::os::unix::fs::MetadataExt as _;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(ProfileError::Foreign(path.to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(ProfileError::Exposed(path.to_owned()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(_: &Path, _: &Metadata) -> Result<(), ProfileError> {
    Ok(())
}
