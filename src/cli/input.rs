//! Where a command reads secrets and tokens: a variable, a prompt, standard input; never arguments, which every process of the machine can see.

use std::io::{self, IsTerminal as _, Read as _};

use super::CliError;
use crate::{
    config::{Environment as _, ProcessEnvironment},
    domain::secret::Secret,
};

/// Longest token or secret that is read from standard input.
const MAX_BYTES: u64 = 4096;

/// A secret from the variable `name`, or asked for on the terminal.
pub(super) fn secret(name: &str, prompt: &str) -> Result<Secret, CliError> {
    match ProcessEnvironment.variable(name).map(std::ffi::OsString::into_string) {
        Some(Ok(value)) => Ok(Secret::new(value)),
        Some(Err(_)) => Err(CliError::Usage("a secret in the environment is not UTF-8")),
        None if io::stdin().is_terminal() => {
            let typed = rpassword::prompt_password(format!("{prompt}: "));
            typed.map(Secret::new).map_err(|error| CliError::Io("the prompt", error))
        }
        None => Err(CliError::Usage(
            "no terminal to ask on: set JETON_CLIENT_SECRET (and JETON_PASSWORD for a user)",
        )),
    }
}

/// A token from standard input, or asked for when that is a terminal.
pub(super) fn token() -> Result<Secret, CliError> {
    let failed = |error| CliError::Io("standard input", error);
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Token: ").map(Secret::new).map_err(failed);
    }
    let mut text = String::new();
    io::stdin().take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text.trim()))
}
