//! The files of TLS to the server: whom a command trusts, and what it proves itself with.

use std::path::PathBuf;

use clap::Args;

/// Heading of the flags of a connection in help.
pub(super) const HEADING: &str = "Connection";

/// The files of one side of TLS.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Encryption {
    /// For an https:// server: the CAs that may have issued its certificate, a PEM file; by default
    /// those that this machine trusts
    #[arg(long, env = "JETON_CA", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) ca: Option<PathBuf>,

    /// For an https:// server: the certificate to show it, a PEM file
    #[arg(long, env = "JETON_CERT", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) cert: Option<PathBuf>,

    /// For an https:// server: the private key of that certificate, a PEM file
    #[arg(long, env = "JETON_KEY", value_name = "FILE", global = true, help_heading = HEADING)]
    pub(super) key: Option<PathBuf>,
}
