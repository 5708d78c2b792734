//! The settings: one TOML file, merged with flags and environment, every fault reported at once.
//!
//! | file | contents |
//! |---|---|
//! | `settings` | [`Settings`] and how they are loaded |
//! | `setting`, `value`, `section` | [`Setting`], declared once: key, flag, default, limits, text and check; the written forms of values; [`Section`] |
//! | `overrides`, `flags` | [`Overrides`], values of flags and `JETON_…` variables, which beat the file, and the flags |
//! | `environment` | [`Environment`], where variables and files are read |
//! | `database_url` | the URL of a database |
//! | `regular_file` | [`RegularFile`], read whole without waiting for anybody |
//! | `listen_address`, `address` | where a listener is; the URLs of issuers, collectors and servers |
//! | `accounts` | users and groups of this machine |
//! | `sections` | the sections of the file with their settings |
//! | `client`, `user`, `issuer` | one `[[client]]`, `[[user]]` or `[[issuer]]` each |
//! | `issuer_users` | `[issuer.users]`, people of an issuer |
//! | `credential`, `secret_text`, `phc` | the ways to give a secret or password, and its hash |
//! | `path`, `pasted` | paths, and secrets in the wrong place |
//! | `fields`, `unknown_key` | typed values out of one TOML table, and a key that is none of it |
//! | `syntax` | what is wrong with a file that is no TOML |
//! | `fault`, `warning`, `report` | the faults and warnings of a file, with their places |
//! | `restart` | which sections a running server cannot take from changed settings |
//! | `duration`, `size`, `choice` | values that are written as text |

mod accounts;
mod address;
mod choice;
mod client;
mod client_identities;
mod cors;
mod credential;
mod database_url;
mod duration;
mod environment;
mod fault;
mod fields;
mod flags;
mod issuer;
mod issuer_users;
mod listen_address;
mod log_filter;
mod overrides;
mod pasted;
mod path;
mod phc;
mod regular_file;
mod report;
mod restart;
mod secret_text;
mod section;
mod sections;
mod setting;
mod settings;
mod size;
mod syntax;
mod unknown_key;
mod unused;
mod user;
mod value;
mod warning;

pub use self::{
    address::server as server_url,
    client::{DeclaredClient, DeclaredSecret},
    client_identities::client_keys,
    database_url::{DatabaseIdentity, DatabaseTlsMode, DatabaseUrl, unread_url},
    duration::any as duration,
    environment::{Environment, ProcessEnvironment, ServingEnvironment, TextFile},
    fault::{Fault, Faults, Place},
    issuer::{IssuerSettings, KeyPlace, KeyUrl},
    listen_address::ListenAddress,
    overrides::{AgentOverrides, Override, Overrides},
    pasted::{may_be_secret, without_secrets},
    path::says_where_a_database_is,
    regular_file::RegularFile,
    secret_text::secret_text,
    section::Section,
    sections::{
        agent::AgentSettings,
        audit::AuditSettings,
        check::{CheckSettings, EnvoyUndecided},
        limits::LimitSettings,
        listeners::{GrpcSettings, HttpSettings, OpsSettings},
        log::{LogFormat, LogSettings},
        passwords::PasswordSettings,
        secrets::{SecretSettings, WeakDeclared},
        serve::{Runtime, ServeSettings, Undeclared},
        socket_access::{SocketAccess, SocketMode, SocketOwner, SocketUids},
        storage::{KeySettings, StoreSettings},
        tls::{ClientAuth, ClientCertificates, TlsSettings},
        traces::TraceSettings,
    },
    setting::{Declaration, Flag, Setting},
    settings::{AgentFile, Loaded, Settings, sections},
    user::{DeclaredPassword, DeclaredUser},
    value::Form,
    warning::Warning,
};
