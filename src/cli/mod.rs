//! The `jeton` command line.

mod admin;
mod administration;
mod agent;
mod arguments;
mod attributes;
mod backup;
mod bench;
mod check;
mod client;
mod colour;
mod command;
mod connection;
mod dev;
mod documents;
mod encryption;
mod error;
mod examples;
mod explain;
mod file_progress;
mod grant;
mod grant_tree;
mod health;
mod init;
mod input;
mod key;
mod lockout;
mod login;
mod meant;
#[cfg(feature = "postgres")]
mod migrate;
mod output;
mod pages;
mod person_login;
mod person_renewal;
mod person_tokens;
mod presentation;
mod profile;
mod profiles;
mod proof;
mod refusal;
mod reread;
mod restore;
mod serve;
mod signing_key;
mod status;
mod store;
mod table;
mod time;
mod tls_files;
mod token;
mod top;
mod tree;
mod trouble;
mod user;
mod user_arg;
mod user_identity;
mod watch;
mod words;
mod yaml;

use std::{
    convert::Infallible,
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::runtime::Runtime;

use self::{command::Command, error::CliError};
use crate::config::without_secrets;

/// Time for which a process that ends waits for a reader of its last message.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs the command that the process's arguments name. Prints its result on standard output, what
/// went wrong on standard error. The exit code is 0, 1 when something was refused or failed, 2 when
/// the command line asks for nothing that can be done.
pub fn main() -> ExitCode {
    let cli = arguments::read();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it: `jeton user list | head`.
        Err(CliError::Logged) => ExitCode::FAILURE,
        Err(CliError::Io(_, error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            say(format!("jeton: {}\n", without_secrets(&error.to_string())));
            let usage =
                matches!(error, CliError::Usage(_) | CliError::Server(_) | CliError::NotMeant(_));
            if usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Prints on standard error why the process ends. A reader that takes nothing does not keep the
/// process.
fn say(text: String) {
    let (done, said) = mpsc::channel::<Infallible>();
    let saying = thread::Builder::new().name("last-words".into()).spawn(move || {
        // There is nowhere else to say that it failed.
        drop(io::stderr().write_all(text.as_bytes()));
        drop(done);
    });
    if saying.is_ok() {
        // An error is what is awaited: the other side is dropped.
        let _said = said.recv_timeout(LAST_WORDS);
    }
}

fn run(command: Command) -> Result<(), CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::Io("the runtime", error))?;
    let done = runtime.block_on(async {
        match command {
            Command::Init(init) => init.run(),
            Command::Login(login) => login.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Agent(agent) => agent.run().await,
            Command::Token(token) => token.run().await,
            Command::Health(health) => health.run().await,
            Command::Bench(bench) => bench.run().await,
            Command::Check(check) => check.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Key(key) => key.run().await,
            Command::Restore(restore) => restore.run().await,
            Command::Admin(admin) => admin.run().await,
            #[cfg(feature = "postgres")]
            Command::Migrate(migrate) => migrate.run().await,
            Command::Client(client) => client.run().await,
            Command::User(user) => user.run().await,
            Command::Lockout(lockout) => lockout.run().await,
            Command::Grant(grant) => grant.run().await,
            Command::Status(status) => status.run().await,
            Command::Top(top) => top.run().await,
            Command::Completions(completions) => completions.run(arguments::command()),
            Command::Man(manual) => manual.run(arguments::command()),
        }
    });
    let done = match done {
        Err(CliError::Refused(refusal)) if refusal.is_foreign() => {
            Err(runtime.block_on(connection::explain(refusal)))
        }
        done => done,
    };
    // Does not wait for blocking threads: a second signal asks to stop at once, and a disk that
    // hangs would keep the process for ever.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Command;

    use super::arguments;

    /// Arguments are seen by every process of the machine.
    fn takes_a_secret(command: &Command, path: &str, found: &mut Vec<String>) {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let secret = ["secret", "password", "token"].iter().any(|word| id.contains(word));
            let values = argument.get_value_names().unwrap_or_default();
            // Numbers, durations, paths, words of a list and switches may be seen.
            let plain = ["DURATION", "N", "FILE", "WORD", "BOOL"];
            let plain = values.iter().any(|value| plain.contains(&value.as_str()));
            if secret && argument.get_action().takes_values() && !plain {
                found.push(format!("{path}: {id}"));
            }
        }
        for command in command.get_subcommands() {
            takes_a_secret(command, &format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn no_argument_takes_a_secret_a_password_or_a_token() {
        let mut found = Vec::new();
        takes_a_secret(&arguments::command(), "jeton", &mut found);
        assert_eq!(found, [""; 0]);
    }

    /// Arguments that take any text, the empty one too, by their commands.
    fn takes_anything(command: &Command, path: &str, found: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|one| one.get_action().takes_values()) {
            let parser = format!("{:?}", argument.get_value_parser());
            if parser.starts_with("ValueParser::string") {
                found.push(format!("{path}: {}", argument.get_id()));
            }
        }
        for command in command.get_subcommands() {
            takes_anything(command, &format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn no_argument_takes_an_unset_variable_for_something() {
        let mut found = Vec::new();
        takes_anything(&arguments::command(), "jeton", &mut found);
        // All services are one to ask about, and a field that is not there is said.
        found.retain(|argument| {
            !["jeton health: service", ": field"].iter().any(|known| argument.ends_with(known))
        });
        assert_eq!(found, [""; 0]);
    }

    /// The command lines that give `value` to each argument of each command.
    fn given(command: &Command, line: &[OsString], value: &str, lines: &mut Vec<Vec<OsString>>) {
        let with = |words: &[&str]| {
            let words = words.iter().map(OsString::from);
            line.iter().cloned().chain(words).collect::<Vec<_>>()
        };
        for argument in command.get_arguments().filter(|one| one.get_action().takes_values()) {
            lines.push(match argument.get_long() {
                Some(flag) if lines.len().is_multiple_of(2) => with(&[&format!("--{flag}"), value]),
                Some(flag) => with(&[&format!("--{flag}={value}")]),
                None => with(&[value]),
            });
        }
        for command in command.get_subcommands() {
            given(command, &with(&[command.get_name()]), value, lines);
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_by_no_argument_of_any_command_and_never_shown() {
        let secrets = [
            "jat_Tr0ub4dor0123456789",
            "jcs_Tr0ub4dor00000000000000000000000000000000000",
            "$argon2id$v=19$m=8,t=1,p=1$Tr0ub4dor$aGFzaA",
            "eyJhbGciOiJub25lIn0.Tr0ub4dor.",
            "-----BEGIN PRIVATE KEY-----\nTr0ub4dor\n",
            // A parameter that takes a URL checks it itself.
            "http://jeton:Tr0ub4dor@127.0.0.1:1",
        ];
        let lines = secrets.map(|secret| {
            let mut lines = Vec::new();
            given(&arguments::command(), &["jeton".into()], secret, &mut lines);
            lines
        });
        assert!(lines[0].len() > 200, "{}", lines[0].len());
        let kinds = (0..secrets.len()).cycle().take(lines[0].len());
        for (at, kind) in kinds.enumerate() {
            let line = &lines[kind][at];
            match arguments::parse(line) {
                Ok(_) => assert_eq!(kind, 5, "{line:?}"),
                Err(refused) => {
                    let said = format!("{refused} {refused:?}");
                    assert!(!said.contains("Tr0ub4dor"), "{line:?}: {refused}");
                }
            }
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        arguments::command().debug_assert();
    }
}
