//! The commands do over gRPC what they say, for people and for scripts, and take no secret where
//! others could see it.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod administration;
mod client;
mod connection;
mod documents;
mod explain;
mod first_look;
mod grant;
mod init;
mod jeton;
mod lockout;
mod login;
mod output;
mod person_login;
mod profile;
mod start;
mod status;
mod terminal;
mod token;
mod top;
mod unix;
mod user;
mod watch;
