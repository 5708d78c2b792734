//! Flags and environment variables that beat the settings file.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::Args;

use super::{
    address,
    choice::{self, ClientAuth, LogFormat, Runtime},
    database_url, duration,
    listen_address::{ListenAddress, ListenOrOff},
    log_filter, size,
};
use crate::domain::{client_id::ClientId, secret::Secret};

/// Values of flags and `JETON_…` variables. A flag beats its variable. For `None` the setting comes
/// from the file, or else from its default, which the help text only repeats.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Settings (over those of the file)")]
pub struct Overrides {
    /// Address and port of the gRPC listener, or unix: and a path [default: 127.0.0.1:50051]
    #[arg(long, env = "JETON_GRPC_LISTEN", value_name = "ADDRESS", value_parser = ListenAddress::parse)]
    pub grpc_listen: Option<ListenAddress>,

    /// Address and port of the HTTP listener, or unix: and a path [default: 127.0.0.1:8080]
    #[arg(long, env = "JETON_HTTP_LISTEN", value_name = "ADDRESS", value_parser = ListenAddress::parse)]
    pub http_listen: Option<ListenAddress>,

    /// Address and port of probes and metrics, unix: and a path, or off [default: 127.0.0.1:9090]
    #[arg(
        long,
        env = "JETON_OPS_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenOrOff::parse
    )]
    pub ops_listen: Option<ListenOrOff>,

    /// Address and port of /check, where proxies ask, unix: and a path, or off [default: off]
    #[arg(
        long,
        env = "JETON_CHECK_LISTEN",
        value_name = "ADDRESS",
        value_parser = ListenOrOff::parse
    )]
    pub check_listen: Option<ListenOrOff>,

    /// The client as which /check asks
    #[arg(long, env = "JETON_CHECK_CLIENT", value_name = "ID", value_parser = ClientId::parse)]
    pub check_client: Option<ClientId>,

    /// The issuer that the OAuth 2.0 metadata names
    #[arg(long, env = "JETON_HTTP_ISSUER", value_name = "URL", value_parser = address::issuer)]
    pub http_issuer: Option<String>,

    /// Listen without TLS where other machines reach it: a mesh or proxy encrypts
    #[arg(
        long,
        env = "JETON_ALLOW_PLAINTEXT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub allow_plaintext: Option<bool>,

    /// The certificate of gRPC and HTTP, and those that lead to its CA: a PEM file
    #[arg(long, env = "JETON_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file
    #[arg(long, env = "JETON_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Client certificates: off, optional or required [default: off]
    #[arg(
        long,
        env = "JETON_TLS_CLIENT_AUTH",
        value_name = "WHETHER",
        value_parser = choice::client_auth
    )]
    pub tls_client_auth: Option<ClientAuth>,

    /// The CAs of clients' certificates: a PEM file
    #[arg(long, env = "JETON_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// Lists of clients' certificates that were revoked: a PEM file
    #[arg(long, env = "JETON_TLS_CRL", value_name = "FILE")]
    pub tls_crl: Option<PathBuf>,

    /// The data directory [default: jeton-data]
    #[arg(long, env = "JETON_STORE_PATH", value_name = "DIR")]
    pub store_path: Option<PathBuf>,

    /// The database that several instances share: postgres://… A password belongs in the variable
    /// or the file: every process on the machine can see arguments
    #[arg(long, env = "JETON_STORE_URL", hide_env_values = true, value_name = "URL", value_parser = database_url::unread_url)]
    pub store_url: Option<Secret>,

    /// The CAs of the database's certificate: a PEM file [default: the system's]
    #[arg(long, env = "JETON_STORE_TLS_CA", value_name = "FILE")]
    pub store_tls_ca: Option<PathBuf>,

    /// Connections to the database, at most [default: 16]
    #[arg(long, env = "JETON_STORE_CONNECTIONS", value_name = "N", value_parser = database_url::connections)]
    pub store_connections: Option<u32>,

    /// Longest delay of another instance's revocations [default: 1s]
    #[arg(
        long,
        env = "JETON_MAX_STALENESS",
        value_name = "DURATION",
        value_parser = duration::staleness
    )]
    pub max_staleness: Option<Duration>,

    /// Total size of the caches [default: 256MiB]
    #[arg(long, env = "JETON_CACHE_BYTES", value_name = "SIZE", value_parser = size::cache)]
    pub cache_bytes: Option<ByteSize>,

    /// Space to keep free on the file system, or 0 [default: 256MiB]
    #[arg(
        long,
        env = "JETON_MIN_FREE_SPACE",
        value_name = "SIZE",
        value_parser = size::free_space
    )]
    pub min_free_space: Option<ByteSize>,

    /// The directory of the key ring [default: jeton-keys]
    #[arg(long, env = "JETON_KEYS_PATH", value_name = "DIR")]
    pub keys_path: Option<PathBuf>,

    /// Time in which a refresh can be repeated; 0s is strict, at most 5m [default: 60s]
    #[arg(
        long,
        env = "JETON_RETRY_WINDOW",
        value_name = "DURATION",
        value_parser = duration::retry_window
    )]
    pub retry_window: Option<Duration>,

    /// Time that an access token outlives its rotation [default: 60s]
    #[arg(long, env = "JETON_ACCESS_OVERLAP", value_name = "DURATION", value_parser = duration::any)]
    pub access_overlap: Option<Duration>,

    /// Log filter: a level or directives like info,jeton=debug [default: info]
    #[arg(long, env = "JETON_LOG", value_name = "FILTER", value_parser = log_filter::filter)]
    pub log: Option<String>,

    /// Log format: auto, human or json [default: auto]
    #[arg(long, env = "JETON_LOG_FORMAT", value_name = "FORMAT", value_parser = choice::log_format)]
    pub log_format: Option<LogFormat>,

    /// The OpenTelemetry collector that traces are sent to, in a build that has them
    #[arg(long, env = "JETON_TRACES_ENDPOINT", value_name = "URL", value_parser = address::endpoint)]
    pub traces_endpoint: Option<String>,

    /// Division of connections among threads: per-core or shared [default: per-core]
    #[arg(long, env = "JETON_RUNTIME", value_name = "SHAPE", value_parser = choice::runtime)]
    pub runtime: Option<Runtime>,

    /// Time to go on serving after health reports that it is not serving [default: 0s]
    #[arg(
        long,
        env = "JETON_DRAIN_DELAY",
        value_name = "DURATION",
        value_parser = duration::shutdown
    )]
    pub drain_delay: Option<Duration>,

    /// Time for calls under way to finish after the drain delay [default: 10s]
    #[arg(
        long,
        env = "JETON_DRAIN_TIMEOUT",
        value_name = "DURATION",
        value_parser = duration::shutdown
    )]
    pub drain_timeout: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};

    use super::*;

    fn parse(flags: &[&str]) -> Result<Overrides, clap::Error> {
        let command = Overrides::augment_args(Command::new("jeton").no_binary_name(true));
        Overrides::from_arg_matches(&command.try_get_matches_from(flags)?)
    }

    #[test]
    fn every_flag_has_a_variable_and_a_help_text() {
        let command = Overrides::augment_args(Command::new("jeton"));
        for argument in command.get_arguments() {
            let variable = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
            let flag = argument.get_long().unwrap_or_default();
            let expected = format!("JETON_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(variable, expected);
            assert!(argument.get_help().is_some(), "{flag}");
        }
    }

    #[test]
    fn allow_plaintext_is_a_switch_that_can_be_turned_off() {
        for (flags, expected) in
            [(&["--allow-plaintext"][..], Some(true)), (&["--allow-plaintext=false"], Some(false))]
        {
            assert_eq!(parse(flags).expect("flags").allow_plaintext, expected);
        }
    }

    #[test]
    fn values_are_checked_as_in_the_file() {
        assert_eq!(
            parse(&["--retry-window", "5m"]).expect("flags").retry_window,
            Some(Duration::from_secs(300))
        );
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
        ] {
            assert!(parse(&[flag, value]).is_err(), "{flag} {value}");
        }
    }
}
