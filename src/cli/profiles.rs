//! Writes the file of profiles: one table is replaced, everything else stays as it is.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::profile::{self, Profile, ProfileError};

/// Checks that there is no profile of that name.
pub(super) fn check_free(name: &str) -> Result<(), ProfileError> {
    check_name(name)?;
    match Profile::load(name) {
        Ok(_) => Err(ProfileError::Taken(name.to_owned())),
        Err(ProfileError::Unknown { .. }) => Ok(()),
        Err(ProfileError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Keeps a profile under a name, in place of one of that name, and returns the file's path.
pub(super) fn keep(name: &str, kept: &Profile) -> Result<PathBuf, ProfileError> {
    check_name(name)?;
    let path = profile::path().ok_or(ProfileError::Nowhere)?;
    let before = match profile::read(&path) {
        Ok(text) => text,
        Err(ProfileError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            Zeroizing::default()
        }
        Err(error) => return Err(error),
    };
    let table = table(name, kept)?;
    let text = Zeroizing::new(format!("{}{}", *without(&before, name), *table));
    write(&path, &text).map_err(|error| ProfileError::Unwritable { path: path.clone(), error })?;
    Ok(path)
}

/// A name that needs no quotes.
pub(super) fn check_name(name: &str) -> Result<(), ProfileError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let good = !name.is_empty() && name.chars().all(plain);
    if good { Ok(()) } else { Err(ProfileError::Name) }
}

/// The lines of all other tables.
fn without(text: &str, name: &str) -> Zeroizing<String> {
    let mut kept = Zeroizing::new(String::with_capacity(text.len() + 1));
    let mut ours = false;
    for line in text.lines() {
        let header = line.trim_start();
        if header.starts_with('[') {
            ours = header.trim_start_matches('[').split(']').next().map(str::trim) == Some(name);
        }
        if !ours {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn table(name: &str, profile: &Profile) -> Result<Zeroizing<String>, ProfileError> {
    let mut table = Zeroizing::new(format!("[{name}]\n"));
    let servers = profile.servers.iter().map(|server| quoted(server));
    let servers = servers.collect::<Result<Vec<_>, _>>()?;
    match &servers[..] {
        [] => {}
        [server] => table.extend(["server = ", server, "\n"]),
        servers => table.extend(["servers = [", &servers.join(", "), "]\n"]),
    }
    let encryption = &profile.encryption;
    for (key, path) in [
        ("ca", &encryption.ca),
        ("cert", &encryption.cert),
        ("key", &encryption.key),
        ("assertion_file", &profile.assertion_file),
    ] {
        if let Some(path) = path {
            let path = path.to_str().ok_or(ProfileError::Text)?;
            table.extend([key, " = ", &quoted(path)?, "\n"]);
        }
    }
    if let Some(id) = &profile.client_id {
        table.extend(["client_id = ", &quoted(id)?, "\n"]);
    }
    if let Some(secret) = profile.client_secret.as_ref().filter(|secret| !secret.is_empty()) {
        let secret = Zeroizing::new(quoted(secret.expose())?);
        table.push_str(&Zeroizing::new(format!("client_secret = {}\n", *secret)));
    }
    if let Some(tokens) = &profile.person {
        table.extend(["access_token_expire_time = ", &quoted(&tokens.expire_time)?, "\n"]);
        for (key, token) in
            [("access_token", &tokens.access_token), ("refresh_token", &tokens.refresh_token)]
        {
            if !token.is_empty() {
                let token = Zeroizing::new(quoted(token.expose())?);
                table.push_str(&Zeroizing::new(format!("{key} = {}\n", *token)));
            }
        }
    }
    Ok(table)
}

/// A string of TOML. Its escapes are those of JSON but for a control character that JSON lets stand.
pub(super) fn quoted(text: &str) -> Result<String, ProfileError> {
    if text.chars().any(char::is_control) {
        return Err(ProfileError::Text);
    }
    Ok(serde_json::Value::from(text).to_string())
}

/// For its owner alone, and whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_is_replaced_and_the_others_stay_as_they_are() {
        let text =
            "# mine\n[a]\nserver = \"x\"\n\n[ b ] # old\nserver = \"y\"\n[c]\nserver = \"z\"\n";
        let kept = "# mine\n[a]\nserver = \"x\"\n\n[c]\nserver = \"z\"\n";
        assert_eq!(*without(text, "b"), kept);
        assert_eq!(*without(kept, "b"), kept);
    }

    #[test]
    fn a_text_is_quoted_or_refused() {
        assert_eq!(quoted("a\"b\\c é").ok().as_deref(), Some("\"a\\\"b\\\\c é\""));
        assert!(quoted("a\nb").is_err() && check_name("a b").is_err() && check_name("").is_err());
    }
}
