//! Reads the command line and the variables that stand in for flags.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, Command, CommandFactory as _, Error, FromArgMatches as _,
    error::{ContextKind, ContextValue},
};

use super::{Cli, examples, meant, presentation};
use crate::config::{Environment as _, ProcessEnvironment};

/// The command line, with what all commands share.
pub(super) fn command() -> Command {
    examples::add(presentation::flags(Cli::command()))
}

/// The command that the process's arguments name. Where they name none, says so and ends the process.
pub(super) fn read() -> Cli {
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut command = without_empty_variables(command());
    let read = command.try_get_matches_from_mut(&arguments);
    let read = read.and_then(|matches| {
        presentation::keep(&matches);
        Cli::from_arg_matches(&matches)
    });
    read.unwrap_or_else(|error| without_secrets(naming_variable(error, command, &arguments)).exit())
}

/// A variable that is set to nothing is an unset one: clap would read it as an empty value of a flag
/// that nobody gave.
fn without_empty_variables(command: Command) -> Command {
    /// The name of no variable.
    const NONE: &str = "";
    let unset = |argument: Arg| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(NONE).hide_env(true),
        Some(_) | None => argument,
    };
    command.mut_args(unset).mut_subcommands(without_empty_variables)
}

fn is_empty(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| ProcessEnvironment.variable(name).is_none())
}

/// The error, which blames the variable where a variable's value is at fault and not the flag's.
fn naming_variable(mut error: Error, mut command: Command, arguments: &[OsString]) -> Error {
    let Some(ContextValue::String(blamed)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    // Only what is built has the text that errors show.
    command.build();
    if let Some(argument) = find(&command, blamed)
        && !is_given(argument, arguments)
        && let Some(name) = argument.get_env().and_then(OsStr::to_str)
        && ProcessEnvironment.variable(name).is_some()
    {
        let name = ContextValue::String(name.to_owned());
        error.insert(ContextKind::InvalidArg, name);
    }
    error
}

/// A URL may hold a password: none is repeated, nor is a token or a secret that was typed here.
fn without_secrets(mut error: Error) -> Error {
    let shown =
        [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    for kind in shown {
        let shown = match error.get(kind) {
            Some(ContextValue::String(text)) if text.contains("://") => "a URL",
            Some(ContextValue::String(text)) if meant::is_secret(text) => "a token or a secret",
            Some(_) | None => continue,
        };
        error.insert(kind, ContextValue::String(shown.to_owned()));
    }
    error
}

/// The argument that errors call so, of those that a variable stands in for.
fn find<'a>(command: &'a Command, shown: &str) -> Option<&'a Arg> {
    let is_blamed = |argument: &&Arg| argument.get_env().is_some() && argument.to_string() == shown;
    let own = command.get_arguments().find(is_blamed);
    own.or_else(|| command.get_subcommands().find_map(|command| find(command, shown)))
}

fn is_given(argument: &Arg, arguments: &[OsString]) -> bool {
    let Some(flag) = argument.get_long() else { return true };
    arguments.iter().filter_map(|given| given.to_str()?.strip_prefix("--")).any(|given| {
        given.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}
