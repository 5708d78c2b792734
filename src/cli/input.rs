//! Sources of secrets and tokens: a variable, a prompt, standard input; never arguments, which
//! every process of the machine can see.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::{CliError, meant};
use crate::{
    config::{Environment as _, ProcessEnvironment, client_keys, secret_text},
    domain::secret::Secret,
};

/// Longest token or secret that is read from standard input.
const MAX_BYTES: usize = 4096;
/// Longest key set that is read from standard input; the rules for keys are stricter.
const MAX_KEY_BYTES: u64 = 1 << 20;

/// The variable `JETON_CLIENT_SECRET`.
pub(super) fn client_secret_variable() -> Result<Option<Secret>, CliError> {
    variable("JETON_CLIENT_SECRET")
}

/// The secret of the client to call as, asked for on the terminal. Standard input is not read for
/// it: that belongs to what the command is about.
pub(super) fn client_secret() -> Result<Secret, CliError> {
    if io::stdin().is_terminal() {
        return prompt("Client secret");
    }
    Err(CliError::Usage(
        "no terminal to ask for the client's secret on: set JETON_CLIENT_SECRET or use a --profile",
    ))
}

/// A user's password that is shown to log in: the variable `JETON_PASSWORD`, asked for on the
/// terminal, or else a line of standard input.
pub(super) fn password() -> Result<Secret, CliError> {
    match variable("JETON_PASSWORD")? {
        Some(password) => Ok(password),
        None if io::stdin().is_terminal() => prompt("Password"),
        None => line(),
    }
}

/// A secret that exists, for a program to keep: asked for on the terminal, or else a line of standard input.
pub(super) fn known_secret(what: &str) -> Result<Secret, CliError> {
    if io::stdin().is_terminal() { prompt(what) } else { line() }
}

/// Asks a question on the terminal. Returns `default` for an empty line, and without a question if
/// `nothing` is to be asked.
pub(super) fn ask(question: &str, default: &str, nothing: bool) -> Result<String, CliError> {
    if nothing {
        return Ok(default.to_owned());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::Usage(
            "no terminal to ask on: give --yes, and flags for what differs",
        ));
    }
    let failed = |error| CliError::Io("the terminal", error);
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    let mut out = io::stderr();
    write!(out, "{question}{shown}: ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

/// A secret that is to be set: asked for twice on the terminal, or else a line of standard input.
pub(super) fn new_secret(what: &str) -> Result<Secret, CliError> {
    if !io::stdin().is_terminal() {
        let secret = line()?;
        meant::secret(secret.expose())?;
        return Ok(secret);
    }
    let secret = prompt(&format!("New {what}"))?;
    if prompt(&format!("New {what} again"))? != secret {
        return Err(CliError::Usage("the two are not the same"));
    }
    if secret.is_empty() {
        return Err(CliError::Usage("nothing was typed"));
    }
    meant::secret(secret.expose())?;
    Ok(secret)
}

/// The public keys in a file, or in standard input for `-`: each a JSON Web Key. Other keys are not sent
/// anywhere.
pub(super) fn public_keys(file: &Path) -> Result<Vec<String>, CliError> {
    let shown = file.display().to_string();
    let bytes = if file == Path::new("-") {
        let mut bytes = Zeroizing::new(Vec::new());
        let mut input = io::stdin().take(MAX_KEY_BYTES + 1);
        let read = input.read_to_end(&mut bytes);
        read.map_err(|error| CliError::Io("standard input", error))?;
        bytes
    } else {
        let file = ProcessEnvironment.read(file);
        file.map_err(|error| CliError::File(shown.clone(), error))?.bytes
    };
    client_keys(&bytes).map_err(|invalid| CliError::ClientKeys(shown, invalid.to_string()))
}

/// A token from standard input, or asked for when that is a terminal.
pub(super) fn token() -> Result<Secret, CliError> {
    Ok(Secret::new(meant::token(token_text("Token")?.expose())?))
}

/// As [`token`], a refresh token.
pub(super) fn refresh_token() -> Result<Secret, CliError> {
    Ok(Secret::new(meant::refresh_token(token_text("Refresh token")?.expose())?))
}

fn token_text(what: &str) -> Result<Secret, CliError> {
    if io::stdin().is_terminal() { prompt(what) } else { Ok(Secret::new(read()?.as_str())) }
}

/// Asks the person at the terminal for agreement to `question`. Fails if the person declines or
/// there is no terminal.
pub(super) fn confirm(question: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::NobodyToAsk);
    }
    let failed = |error| CliError::Io("the terminal", error);
    let mut out = io::stderr();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::NotConfirmed),
    }
}

fn variable(name: &str) -> Result<Option<Secret>, CliError> {
    let value = match ProcessEnvironment.variable(name).map(OsString::into_string) {
        Some(Ok(value)) => Zeroizing::new(value),
        Some(Err(_)) => return Err(CliError::Usage("a secret in the environment is not UTF-8")),
        None => return Ok(None),
    };
    let secret = Secret::new(secret_text(&value));
    if secret.has_line_break() {
        return Err(CliError::Usage("a secret in the environment holds a line break"));
    }
    Ok(Some(secret).filter(|secret| !secret.is_empty()))
}

fn prompt(what: &str) -> Result<Secret, CliError> {
    let typed = rpassword::prompt_password(format!("{what}: "));
    typed.map(Secret::new).map_err(|error| CliError::Io("the prompt", error))
}

/// All of standard input but the end of its one line. More lines are a file that was not meant.
fn line() -> Result<Secret, CliError> {
    let text = read()?;
    let secret = Secret::new(secret_text(&text));
    if secret.is_empty() {
        return Err(CliError::Usage("standard input holds no secret"));
    }
    if secret.has_line_break() {
        return Err(CliError::Usage("standard input holds more than the one line of a secret"));
    }
    Ok(secret)
}

fn read() -> Result<Zeroizing<String>, CliError> {
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES + 1));
    let mut input = io::stdin().take(MAX_BYTES as u64 + 1);
    let read = input.read_to_string(&mut text);
    read.map_err(|error| CliError::Io("standard input", error))?;
    if text.len() > MAX_BYTES {
        return Err(CliError::Usage("standard input is longer than any secret or token"));
    }
    Ok(text)
}
