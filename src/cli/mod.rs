//! The `jeton` command line.

mod admin;
mod arguments;
mod attributes;
mod backup;
mod bench;
mod check;
mod client;
mod connection;
mod dev;
mod documents;
mod encryption;
mod examples;
mod explain;
mod grant;
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
mod presentation;
mod profile;
mod profiles;
mod refusal;
mod restore;
mod serve;
mod status;
mod store;
mod table;
mod time;
mod token;
mod trouble;
mod user;
mod watch;
mod words;
mod yaml;

use std::{
    convert::Infallible,
    io::{self, ErrorKind, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::{Parser, Subcommand};
use thiserror::Error;
use tokio::runtime::Runtime;
use tonic::Status;

use self::{meant::NotMeant, profile::ProfileError, refusal::Refusal};
use crate::{
    app::{
        BackupError, KeyRemovalError, KeyRingError, ResetError, RestoreError, ServeError,
        StoreCheckError, VERSION,
    },
    config::Faults,
    telemetry::LogError,
};

const AFTER_HELP: &str = "\
Commands that talk to a server find it, and the client to call as, by flags, then by JETON_SERVER, \
JETON_CLIENT_ID and JETON_CLIENT_SECRET, then by a profile (--profile or JETON_PROFILE).

Exit codes: 0 done, 1 refused or failed, 2 not a command line that can be followed.";

/// How long a process that ends waits until somebody reads why.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A token service: issues, refreshes, revokes and introspects OAuth 2.0 tokens.
#[derive(Debug, Parser)]
#[command(name = "jeton", version = VERSION, propagate_version = true, after_long_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a directory ready to serve from: settings, keys and a first administrator
    Init(Box<init::Init>),
    /// Keeps server and credentials under a name, for --profile
    Login(Box<login::Login>),
    /// Runs the service
    Serve(Box<serve::Serve>),
    /// Asks a running server for tokens, or about them
    Token(token::Token),
    /// Administers the clients of a running server
    Client(client::Client),
    /// Administers the users of a running server
    User(user::User),
    /// Shows and lifts lockouts after failed logins
    Lockout(lockout::Lockout),
    /// Shows and ends what a running server has granted
    Grant(grant::Grant),
    /// Tells what runs at a running server, and how it is
    Status(status::Status),
    /// Asks a running server whether it is serving; exits 0 or 1
    Health(health::Health),
    /// Checks a settings file without starting, or a store that no server has open
    Check(Box<check::Check>),
    /// Backs up a running server's store
    Backup(backup::Backup),
    /// Adds, activates, lists and removes server keys
    Key(key::Key),
    /// Makes a store out of a backup
    Restore(restore::Restore),
    /// Lets an administrator in whose secret is lost, or makes the first one
    Admin(admin::Admin),
    /// Moves a store from its data directory to a database
    #[cfg(feature = "postgres")]
    Migrate(Box<migrate::Migrate>),
    /// Puts a running server under load and tells how it did
    Bench(Box<bench::Bench>),
    /// Prints a shell's completions of this command line
    Completions(documents::Completions),
    /// Prints the manual page
    Man(documents::Manual),
}

/// What went wrong, in words for a person.
#[derive(Debug, Error)]
enum CliError {
    /// The settings are at fault: one line each.
    #[error("{0}")]
    Settings(#[from] Faults),
    /// The service did not start, or did not end well.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Something on this machine.
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    /// Nothing answers.
    #[error(
        "cannot reach {server}: {why}\n{}",
        advice.as_deref().unwrap_or("Is jeton serving there? Another address: --server or JETON_SERVER.")
    )]
    Connect {
        /// Where it should be.
        server: String,
        /// Why not.
        why: String,
        /// What to do, where the cause says so.
        advice: Option<String>,
    },
    /// Of several servers some did not answer as they should.
    #[error("servers that do not answer, or do not serve: {0}")]
    SomeFailed(usize),
    /// What answers is no gRPC server.
    #[error("{server} does not answer in gRPC: {refusal}\n{advice}")]
    NotGrpc {
        /// Where that is.
        server: String,
        /// What came in place of an answer.
        refusal: Box<Refusal>,
        /// What it is, and where else to look.
        advice: String,
    },
    /// The log has said why the process ends.
    #[error("see the log")]
    Logged,
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The profile that was named cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A person thought better of it.
    #[error("nothing was done")]
    NotConfirmed,
    /// What needs a person's word, or `--yes`, has neither.
    #[error("nothing was done: no terminal to ask on, and no --yes")]
    NobodyToAsk,
    /// What is missing from the command line.
    #[error("{0}")]
    Usage(&'static str),
    /// What was given is something else.
    #[error("{0}")]
    NotMeant(#[from] NotMeant),
    /// The answer has no field of that name.
    #[error("the answer has no field {field}; it has {known}")]
    NoSuchField {
        /// What was asked for.
        field: String,
        /// Those that it has.
        known: String,
    },
    /// Nothing has such a token.
    #[error(
        "nothing was revoked: this server knows no such token; is it the right server, and all of the token?"
    )]
    UnknownToken,
    /// The server is there and not serving, for this reason.
    #[error("not serving{0}")]
    NotServing(String),
    /// What is for a first look is where others reach it.
    #[error(
        "everybody knows the credentials of --dev, an administrator's among them, and other machines \
         reach {0}: listen on 127.0.0.1, or declare clients of your own"
    )]
    EverybodyKnows(SocketAddr),
    /// A file.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// A backup did not come through whole.
    #[error("the backup {0}")]
    Backup(#[from] BackupError),
    /// A backup was not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A store was not moved.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Migrate(#[from] crate::app::MigrateError),
    /// A store was not checked.
    #[error(transparent)]
    Check(#[from] StoreCheckError),
    /// A store was checked.
    #[error("the store is faulty")]
    Faulty,
    /// A server with these settings would not start here, or must not.
    #[error("not fit to serve: errors: {0}")]
    Unfit(usize),
    /// The key ring is not in order, or not to be changed so.
    #[error("the key ring: {0}")]
    Keys(#[from] KeyRingError),
    /// A key was activated on disk, and a server goes on without it.
    #[error(
        "the key is active on disk, and the server does not use it. What it says of its key ring: {0}"
    )]
    KeyNotUsed(String),
    /// A key was not removed.
    #[error(transparent)]
    KeyRemoval(#[from] KeyRemovalError),
    /// A key was not removed.
    #[error(
        "the key may be needed: it is active, something live names it, or not all was looked at yet"
    )]
    KeyInUse,
    /// A key was not removed.
    #[error("the server's key ring holds no such key")]
    NoSuchKey,
    /// An administrator has no new secret.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// There is no log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status.into()))
    }
}

/// Runs the command that the process's arguments name. Prints its result on standard output, what
/// went wrong on standard error. The exit code is 0, 1 when something was refused or failed, 2 when
/// the command line asks for nothing that can be done.
pub fn main() -> ExitCode {
    let cli = arguments::read();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has read enough: `jeton user list | head`.
        Err(CliError::Logged) => ExitCode::FAILURE,
        Err(CliError::Io(_, error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            say(format!("jeton: {error}\n"));
            let usage = matches!(error, CliError::Usage(_) | CliError::NotMeant(_));
            if usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Says on standard error why the process ends. Whoever does not read it does not keep the process.
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
            Command::Completions(completions) => completions.run(),
            Command::Man(manual) => manual.run(),
        }
    });
    let done = match done {
        Err(CliError::Refused(refusal)) if refusal.is_foreign() => {
            Err(runtime.block_on(connection::explain(refusal)))
        }
        done => done,
    };
    // Nothing that is still on threads of its own is waited for: whoever asks a second time to stop
    // is in a hurry, and a disk that hangs would keep the process for ever.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::arguments;

    /// Arguments are seen by every process of the machine.
    fn takes_a_secret(command: &Command, path: &str, found: &mut Vec<String>) {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let secret = ["secret", "password", "token"].iter().any(|word| id.contains(word));
            let values = argument.get_value_names().unwrap_or_default();
            let number = values.iter().any(|value| ["DURATION", "N"].contains(&value.as_str()));
            if secret && argument.get_action().takes_values() && !number {
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

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        arguments::command().debug_assert();
    }
}
