//! Reads the command line and the variables that stand in for flags.

use std::{
    any::TypeId,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{
    Arg, ArgMatches, Command, CommandFactory as _, Error, FromArgMatches as _,
    builder::{OsStringValueParser, TypedValueParser as _},
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{command::Cli, examples, presentation};
use crate::{
    config::{self, Environment as _, ProcessEnvironment, may_be_secret, says_where_a_database_is},
    domain::secret::Secret,
};

/// The command line, with what all commands share.
pub(super) fn command() -> Command {
    examples::add(presentation::flags(Cli::command()))
}

/// Returns the command that the process's arguments name. If they name none, prints that and ends
/// the process.
pub(super) fn read() -> Cli {
    let arguments: Vec<_> = std::env::args_os().collect();
    let read = parse(&arguments).and_then(|matches| {
        presentation::keep(&matches);
        Cli::from_arg_matches(&matches)
    });
    read.unwrap_or_else(|error| error.exit())
}

/// Parses the arguments.
///
/// # Errors
/// If they name no command, or hold a secret, which is not shown.
pub(super) fn parse(arguments: &[OsString]) -> Result<ArgMatches, Error> {
    let mut command = checked_paths(without_empty_variables(command()));
    let parsed = command.try_get_matches_from_mut(arguments);
    let place = exposed(&command, arguments);
    let matches =
        parsed.map_err(|error| without_secrets(naming_variable(error, command.clone(), arguments)));
    match (matches, place) {
        (Ok(_), Some(place)) => Err(command.error(ErrorKind::ValueValidation, place)),
        (matches, _) => matches,
    }
}

/// Returns the place of a token or a secret among arguments, which every process of the machine can
/// see, or in a variable for something else. A parameter that takes a URL checks it itself.
fn exposed(command: &Command, arguments: &[OsString]) -> Option<String> {
    let is_secret = |text: &OsStr| {
        let text = text.to_string_lossy();
        may_be_secret(&text) && !says_where_a_database_is(&text)
    };
    if arguments.iter().skip(1).any(|argument| is_secret(argument)) {
        let exposed = "an argument is a token or a secret, which others may have seen by now: revoke or \
                       rotate it";
        return Some(exposed.to_owned());
    }
    variables(command).into_iter().find_map(|name| {
        let value = ProcessEnvironment.variable(name)?;
        is_secret(&value).then(|| format!("{name} holds a token or a secret, and is not for one"))
    })
}

/// The variables that stand in for flags, save for those of secrets.
fn variables(command: &Command) -> Vec<&str> {
    let named = command.get_arguments().filter_map(|argument| {
        let secret = argument.get_value_parser().type_id() == TypeId::of::<Secret>();
        argument.get_env().and_then(OsStr::to_str).filter(|_| !secret)
    });
    named.chain(command.get_subcommands().flat_map(variables)).collect()
}

/// A variable that is set to nothing is an unset one: clap would read it as an empty value of a flag
/// that nobody gave.
fn without_empty_variables(command: Command) -> Command {
    /// The name of no variable.
    const NONE: &str = "";
    let unset = |argument: Arg| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(NONE).hide_env(true),
        // Help would show what stands in it.
        Some(_) | None => argument.hide_env_values(true),
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

/// Returns the text in the place of a value that an error must not repeat.
fn not_shown(text: &str) -> &'static str {
    if may_be_secret(text) && !text.contains("://") {
        "a token or a secret"
    } else if text.contains("://") {
        "a URL"
    } else {
        "(not shown)"
    }
}

/// Secrets are no arguments, but people type and paste some where others belong: what may be one is not
/// repeated.
fn without_secrets(mut error: Error) -> Error {
    let hide = |error: &mut Error, context, may_be_shown: fn(&str) -> bool| {
        if let Some(ContextValue::String(text)) = error.get(context)
            && !may_be_shown(text)
        {
            let instead = not_shown(text).to_owned();
            error.insert(context, ContextValue::String(instead));
            // Suggestions repeat it too.
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(Vec::new()));
        }
    };
    hide(&mut error, ContextKind::InvalidValue, is_plain);
    hide(&mut error, ContextKind::InvalidSubcommand, is_word);
    if error.kind() == ErrorKind::UnknownArgument {
        hide(&mut error, ContextKind::InvalidArg, is_flag);
    }
    // The refusal of a value may repeat it.
    let said = error.to_string();
    let shown = config::without_secrets(&said);
    if shown == said {
        error
    } else {
        Error::raw(error.kind(), shown.trim_start_matches("error: "))
    }
}

/// Returns whether it is a value of the kind that can be mistyped, like a number or a time: no URL,
/// no connection string, no token and no key.
fn is_plain(text: &str) -> bool {
    const MOST: usize = 32;
    text.len() <= MOST
        && !text.starts_with("postgres")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .:,+-[]".contains(&byte))
}

fn is_word(text: &str) -> bool {
    const MOST: usize = 24;
    text.len() <= MOST && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_flag(text: &str) -> bool {
    text.starts_with('-') && is_word(text)
}

/// The content of a file in the place of its name, and a URL with its password: none is taken for a path,
/// since what is said of a path shows it.
fn checked_paths(command: Command) -> Command {
    let checked = |argument: Arg| {
        if argument.get_value_parser().type_id() != TypeId::of::<PathBuf>() {
            return argument;
        }
        // An argument for a store has its own advice about databases.
        let check = if argument.get_long() == Some("store") { one_line } else { path };
        argument.value_parser(OsStringValueParser::new().try_map(check))
    };
    command.mut_args(checked).mut_subcommands(checked_paths)
}

fn one_line(given: OsString) -> Result<PathBuf, &'static str> {
    if given.to_string_lossy().contains(['\n', '\r']) {
        return Err("must be the path of a file, not what is in it");
    }
    Ok(given.into())
}

fn path(given: OsString) -> Result<PathBuf, &'static str> {
    let text = given.to_string_lossy();
    if says_where_a_database_is(&text) {
        return Err("must be a path: the URL of a database is for JETON_STORE_URL");
    }
    one_line(given)
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
