//! The command line: every command, and what its help begins and ends with.

use clap::{Parser, Subcommand};

#[cfg(feature = "postgres")]
use super::migrate;
use super::{
    admin, agent, backup, bench, check, client, documents, grant, health, init, key, lockout,
    login, restore, serve, status, token, top, user,
};
use crate::app::VERSION;

const AFTER_HELP: &str = "\
Commands that talk to a server find it, and the client to call as, by flags, then by JETON_SERVER, \
JETON_CLIENT_ID and JETON_CLIENT_SECRET, then by a profile (--profile or JETON_PROFILE).

Exit codes: 0 done, 1 refused or failed, 2 not a command line that can be followed.";

/// A token service: issues, refreshes, revokes and introspects OAuth 2.0 tokens.
#[derive(Debug, Parser)]
#[command(name = "jeton", version = VERSION, propagate_version = true, after_long_help = AFTER_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a directory ready to serve from: settings, keys and a first administrator
    Init(Box<init::Init>),
    /// Keeps server and credentials under a name, for --profile
    Login(Box<login::Login>),
    /// Runs the service
    Serve(Box<serve::Serve>),
    /// Answers services and proxies on this machine from memory whether tokens are good
    Agent(Box<agent::Agent>),
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
    /// Shows the state of a running server or agent
    Status(status::Status),
    /// Shows what running servers and agents do, live
    Top(Box<top::Top>),
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
    /// Puts a running server under load and reports the results
    Bench(Box<bench::Bench>),
    /// Prints a shell's completions of this command line
    Completions(documents::Completions),
    /// Prints the manual page
    Man(documents::Manual),
}
