//! The log: one line an event on standard error, for people on a terminal, JSON otherwise.

mod request_id;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, prelude::*, util::TryInitError};

pub use self::request_id::RequestIds;
use crate::config::{LogFormat, LogSettings};

/// Starts the log for the whole process.
///
/// # Errors
/// When a log was started before.
pub fn start(settings: &LogSettings) -> Result<(), TryInitError> {
    let json = match settings.format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let filter = EnvFilter::new(&settings.filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    if json {
        log.with(lines.json().flatten_event(true)).try_init()
    } else {
        log.with(lines.with_ansi(io::stderr().is_terminal())).try_init()
    }
}
