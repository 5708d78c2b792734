//! The log: one line an event on standard error, for people on a terminal, JSON otherwise; and the audit.

mod audit;
mod request_id;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, fmt, fmt::MakeWriter, prelude::*,
    util::TryInitError,
};

pub use self::request_id::RequestIds;
use crate::config::{AuditSettings, LogFormat, LogSettings};

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// A log was started before.
    #[error(transparent)]
    Started(#[from] TryInitError),
    /// The audit's file cannot be opened.
    #[error("the audit file {}: {error}", path.display())]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Keeps the audit's thread. Dropping it waits, for a second at most, until every line is written.
#[must_use = "dropped, it ends the audit"]
pub struct Audit {
    _guard: Option<WorkerGuard>,
}

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log and the audit for the whole process.
///
/// # Errors
/// When a log was started before or the audit's file cannot be opened.
pub fn start(settings: &LogSettings, audit: &AuditSettings) -> Result<Audit, LogError> {
    let json = match settings.format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let filter = EnvFilter::new(&settings.filter);
    let other = filter_fn(|event| !is_audit(event));
    let log = lines(io::stderr, json).with_filter(filter).with_filter(other);
    let mut layers: Vec<Lines> = vec![Box::new(log)];
    let (writer, json) = match audit {
        AuditSettings::Off => (None, json),
        AuditSettings::Log => (Some(audit::in_background(io::stderr())), json),
        AuditSettings::Stdout => (Some(audit::in_background(io::stdout())), true),
        AuditSettings::File(path) => {
            let file = audit::AppendFile::open(path);
            let file = file.map_err(|error| LogError::Audit { path: path.clone(), error })?;
            (Some(audit::in_background(file)), true)
        }
    };
    let (writer, guard) = writer.unzip();
    layers.extend(writer.map(|writer| -> Lines {
        // The spans too, for the request id.
        let own = filter_fn(|met| is_audit(met) || (met.is_span() && *met.level() <= Level::INFO));
        Box::new(lines(writer, json).with_filter(own))
    }));
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(Audit { _guard: guard })
}

fn lines<W>(writer: W, json: bool) -> Lines
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    if json {
        Box::new(lines.json().flatten_event(true))
    } else {
        Box::new(lines.with_ansi(io::stderr().is_terminal()))
    }
}

/// The target is the service's; see `service::audit`.
fn is_audit(event: &Metadata<'_>) -> bool {
    event.is_event() && event.target() == "jeton::audit"
}
