//! The flags and variables of the settings, made from their declarations.

use std::path::PathBuf;

use clap::{
    Arg, ArgMatches, Args, Command, Error, FromArgMatches,
    builder::{PossibleValuesParser, TypedValueParser as _},
    value_parser,
};

use super::{
    database_url::unread_url,
    overrides::{AgentOverrides, Override, Overrides},
    section::Section,
    setting::{Declaration, Flag},
    settings::{sections_of_agent, sections_of_server},
    value::Form,
};
use crate::domain::secret::Secret;

impl Args for Overrides {
    fn augment_args(command: Command) -> Command {
        augment(command, sections_of_server())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut overrides = Self::default();
        overrides.update_from_arg_matches(matches)?;
        Ok(overrides)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.update(matches, sections_of_server());
        Ok(())
    }
}

impl Args for AgentOverrides {
    fn augment_args(command: Command) -> Command {
        augment(command, sections_of_agent())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for AgentOverrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut overrides = Self::default();
        overrides.update_from_arg_matches(matches)?;
        Ok(overrides)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update(matches, sections_of_agent());
        Ok(())
    }
}

impl Overrides {
    /// Takes the values of the flags of these sections.
    fn update(&mut self, matches: &ArgMatches, sections: Vec<Section>) {
        for (flag, declaration) in flags(sections) {
            let value = match declaration.form {
                Form::Path => matches.get_one::<PathBuf>(flag.name).cloned().map(Override::Path),
                Form::Secret(_) => {
                    matches.get_one::<Secret>(flag.name).cloned().map(Override::Text)
                }
                Form::Text(_) | Form::Amount(_) | Form::Number | Form::Switch | Form::Texts => {
                    let text = matches.get_one::<String>(flag.name);
                    text.map(|text| Override::Text(Secret::new(text.as_str())))
                }
            };
            if let Some(value) = value {
                self.set(flag, value);
            }
        }
    }
}

/// Returns the settings that have a flag.
fn flags(sections: Vec<Section>) -> impl Iterator<Item = (Flag, Declaration)> {
    let settings = sections.into_iter().flat_map(|Section { settings, .. }| settings);
    settings.filter_map(|setting| Some((setting.flag?, setting)))
}

fn augment(command: Command, sections: Vec<Section>) -> Command {
    let command = command.next_help_heading("Settings (over those of the file)");
    command.args(flags(sections).map(|(flag, declaration)| argument(flag, declaration)))
}

fn argument(flag: Flag, declaration: Declaration) -> Arg {
    let default = declaration.default.as_deref().or(declaration.otherwise);
    let limits = declaration.limits();
    let notes = match (declaration.form, default, limits) {
        (Form::Amount(_) | Form::Number, Some(default), Some(limits)) => {
            format!(" [default: {default}; {limits}]")
        }
        (Form::Switch, _, _) | (_, None, _) => String::new(),
        (_, Some(default), _) => format!(" [default: {default}]"),
    };
    let argument = Arg::new(flag.name)
        .long(flag.name)
        .env(flag.variable())
        .value_name(flag.value_name)
        .help(declaration.help() + &notes);
    match declaration.form {
        Form::Path => argument.value_parser(value_parser!(PathBuf)),
        Form::Secret(_) => argument.hide_env_values(true).value_parser(unread_url),
        Form::Switch => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false"]).map(String::from)),
        Form::Text(_) | Form::Amount(_) | Form::Number | Form::Texts => argument
            .value_parser(move |text: &str| declaration.check(text).map(|()| text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{ProcessEnvironment, Settings};

    use super::*;

    fn parse(flags: &[&str]) -> Result<Overrides, Error> {
        let command = Overrides::augment_args(Command::new("jeton").no_binary_name(true));
        Overrides::from_arg_matches(&command.try_get_matches_from(flags)?)
    }

    #[test]
    fn allow_plaintext_is_a_switch_that_can_be_turned_off() {
        for (argument, expected) in
            [("--allow-plaintext", "true"), ("--allow-plaintext=false", "false")]
        {
            let overrides = parse(&[argument]).expect("flags");
            let flag = Flag::new("allow-plaintext", "BOOL");
            assert_eq!(overrides.get(flag).and_then(|text| text.to_str()), Some(expected));
        }
    }

    #[test]
    fn values_are_checked_as_in_the_file() {
        assert!(parse(&["--retry-window", "5m"]).is_ok());
        for (flag, value) in [
            ("--retry-window", "6m"),
            ("--cache-bytes", "12 feet"),
            ("--min-free-space", "1MiB"),
            ("--log-format", "xml"),
            ("--log", "jeton=loud"),
            ("--http-issuer", "nowhere"),
            ("--grpc-listen", "localhost"),
            ("--ops-listen", "9090"),
            ("--drain-timeout", "2h"),
            ("--tls-client-auth", "yes"),
            ("--store-connections", "0"),
            ("--allow-plaintext", "maybe"),
        ] {
            assert!(parse(&[flag, value]).is_err(), "{flag} {value}");
        }
    }

    #[test]
    fn debug_output_names_the_flags_and_shows_no_value() {
        let overrides = parse(&["--store-url=postgres://jeton:hunter2@db/jeton", "--log=debug"]);
        let shown = format!("{:?}", overrides.expect("flags"));
        assert_eq!(shown, r#"{"log", "store-url"}"#);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_utf_8() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let path = OsStr::from_bytes(b"data-\xff");
        let command = Overrides::augment_args(Command::new("jeton").no_binary_name(true));
        let matches = command.try_get_matches_from([OsStr::new("--store-path"), path]);
        let overrides = Overrides::from_arg_matches(&matches.expect("flags")).expect("flags");
        let loaded = Settings::load(None, &overrides, &ProcessEnvironment).expect("settings");
        assert_eq!(loaded.settings.store.path.as_os_str(), path);
    }
}
