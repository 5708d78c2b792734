//! The log: one line an event on standard error, for people on a terminal, JSON otherwise; and the audit.
//!
//! Lines are written in the background: code that logs never waits for a reader.
//!
//! Each is two layers, one for people and one of JSON, behind a gate each. Level and form of the
//! lines are changed at run time by changing the gates: the form that is not wanted has one that
//! lets nothing through, and costs nothing.

mod append_file;
mod background;
mod error;
mod gates;
mod panic_hook;
mod request_id;
#[cfg_attr(not(feature = "otlp"), path = "no_traces.rs")]
mod traces;

use std::io::{self, IsTerminal as _};

use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_log::{AsLog as _, log};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt as _, filter_fn},
    prelude::*,
};

use self::{
    append_file::AppendFile,
    background::{Background, WriterThread},
    gates::{Form, Gate, Gates, Lines, TRACES},
};
pub use self::{error::LogError, request_id::RequestIds};
use crate::{
    config::{AuditSettings, LogFormat, LogSettings, TraceSettings},
    metrics,
};

/// The log, the audit and the traces at work. Dropping it waits, for a few seconds at most, until
/// every line is written and every span is sent.
#[must_use = "dropped, it ends the log"]
pub struct Log {
    /// Changes the filter and the form of the lines.
    pub switch: LogSwitch,
    /// Number of lines lost.
    pub metrics: metrics::Registry,
    // In the order in which they end: each may still log.
    _traces: Option<traces::Exporter>,
    _audit: Option<WriterThread>,
    _lines: WriterThread,
}

/// Changes what is logged while the log is at work. Cloning shares the log.
#[derive(Clone)]
pub struct LogSwitch {
    gates: Gates,
    /// The filters of an audit that goes where the log goes, in the same form.
    audit_gates: Option<Gates>,
}

/// Starts the log, the audit and the traces for the whole process, within its runtime.
///
/// # Errors
/// When a log was started before, the audit's file cannot be opened, or spans cannot be sent.
pub fn start(
    settings: &LogSettings,
    audit: &AuditSettings,
    traces: &TraceSettings,
) -> Result<Log, LogError> {
    let metrics = metrics::Registry::new();
    let lost = metrics.counter(
        "jeton_log_lines_lost_total",
        "Lines of the log that were lost: standard error took none, or failed.",
    );
    let lines = Background::start("log", io::stderr(), &metrics, lost);
    let writer = lines.writer;
    let form = form(settings.format);
    let (mut layers, gates) = gates::layers(|| writer.clone(), form, || log_gate(&settings.filter));
    let (audit_thread, audit_gates) = start_audit(audit, form, &metrics, &mut layers)?;
    let (sent, exporter) = traces::layer(traces)?.unzip();
    layers.extend(sent);
    tracing_subscriber::registry().with(layers).try_init()?;
    panic_hook::install(writer);
    bound_libraries();
    tracing::trace!(filter = settings.filter, "the log begins");
    let audit_gates = audit_gates.filter(|_| *audit == AuditSettings::Log);
    let switch = LogSwitch { gates, audit_gates };
    Ok(Log { switch, metrics, _traces: exporter, _audit: audit_thread, _lines: lines.thread })
}

/// Returns the errors that starting the audit and the traces would meet. Makes no file and sends
/// nothing.
pub fn look(audit: &AuditSettings, traces: &TraceSettings) -> Vec<LogError> {
    let audited = match audit {
        AuditSettings::File(path) => {
            AppendFile::look(path).map_err(|error| LogError::Audit { path: path.clone(), error })
        }
        AuditSettings::Off | AuditSettings::Log | AuditSettings::Stdout => Ok(()),
    };
    audited.err().into_iter().chain(traces::layer(traces).err()).collect()
}

/// Adds the audit's layers, and starts the thread that writes what they let through.
fn start_audit(
    settings: &AuditSettings,
    form: Form,
    metrics: &metrics::Registry,
    layers: &mut Vec<Lines>,
) -> Result<(Option<WriterThread>, Option<Gates>), LogError> {
    let lost = metrics.counter(
        "jeton_audit_lines_lost_total",
        "Lines of the audit that were lost: where they go took none, or failed.",
    );
    let (started, form) = match settings {
        AuditSettings::Off => return Ok((None, None)),
        AuditSettings::Log => (Background::start("audit", io::stderr(), metrics, lost), form),
        AuditSettings::Stdout => {
            (Background::start("audit", io::stdout(), metrics, lost), Form::Json)
        }
        AuditSettings::File(path) => {
            let file = AppendFile::open(path);
            let file = file.map_err(|error| LogError::Audit { path: path.clone(), error })?;
            (Background::start("audit", file, metrics, lost), Form::Json)
        }
    };
    let (audited, gates) = gates::layers(|| started.writer.clone(), form, audit_gate);
    layers.extend(audited);
    Ok((Some(started.thread), Some(gates)))
}

impl LogSwitch {
    /// From now on this is logged, in this form. An audit that has a place of its own stays as it is.
    pub fn change(&self, settings: &LogSettings) {
        let form = form(settings.format);
        self.gates.change(form, log_gate(&settings.filter));
        if let Some(audit) = &self.audit_gates {
            audit.change(form, audit_gate());
        }
        bound_libraries();
    }
}

/// Libraries that log by `log` are not even asked for what no gate lets through.
fn bound_libraries() {
    log::set_max_level(LevelFilter::current().min(LevelFilter::INFO).as_log());
}

/// Returns whether the log's lines are JSON.
pub fn is_json(format: LogFormat) -> bool {
    matches!(form(format), Form::Json)
}

fn form(format: LogFormat) -> Form {
    match format {
        LogFormat::Auto if io::stderr().is_terminal() => Form::Human,
        LogFormat::Auto | LogFormat::Json => Form::Json,
        LogFormat::Human => Form::Human,
    }
}

// Each gate names the most detailed level that it may let through: without that, sled's hundreds of
// lines for each write would be asked about one by one, which took a tenth of a write's time.

fn log_gate(filter: &str) -> Gate {
    let others = |met: &Metadata<'_>| is_audit(met) || met.target() == TRACES;
    let own = filter_fn(move |met| !others(met) && !is_at_will(met) && !is_detail(met));
    Box::new(EnvFilter::new(filter).and(own.with_max_level_hint(LevelFilter::TRACE)))
}

/// Returns whether the event is one that a peer can cause at will. h2 warns of single frames, and
/// goes on serving the peer: a stranger could fill the log at the default level. The listener logs
/// the end of a connection.
fn is_at_will(event: &Metadata<'_>) -> bool {
    *event.level() == Level::WARN && event.target().starts_with("h2::")
}

/// Returns whether the line is detail of a library, which would hold the data that passes through
/// it: the driver of a database writes out the parameters of its statements, the embedded store the
/// records. No filter lets it through.
fn is_detail(met: &Metadata<'_>) -> bool {
    let own = met.target().split("::").next() == Some("jeton");
    *met.level() > Level::INFO && !own
}

/// The spans too, for the request id.
fn audit_gate() -> Gate {
    let names_call = |met: &Metadata<'_>| met.is_span() && *met.level() <= Level::INFO;
    let own = filter_fn(move |met| is_audit(met) || (names_call(met) && met.target() != TRACES));
    Box::new(own.with_max_level_hint(LevelFilter::INFO))
}

/// The target is the service's; see `service::audit`.
fn is_audit(event: &Metadata<'_>) -> bool {
    event.is_event() && event.target() == "jeton::audit"
}

#[cfg(test)]
mod tests {
    use tracing::Subscriber as _;
    use tracing_log::AsTrace as _;

    use super::*;

    #[test]
    fn what_no_gate_lets_through_is_known_by_its_level_alone() {
        let hint = |filter: &str| {
            let (mut layers, _gates) = gates::layers(|| io::sink, Form::Json, || log_gate(filter));
            let (audit, _gates) = gates::layers(|| io::sink, Form::Json, audit_gate);
            layers.extend(audit);
            tracing_subscriber::registry().with(layers).max_level_hint()
        };
        assert_eq!(hint("error"), Some(LevelFilter::INFO), "the audit is of that level");
        assert_eq!(hint("info"), Some(LevelFilter::INFO));
        assert_eq!(hint("info,sled=trace"), Some(LevelFilter::TRACE));
    }

    #[test]
    fn libraries_are_heard_from_info_on_and_jeton_at_any_level() {
        let is_heard = |target: &str, level: log::Level| {
            let met = log::Metadata::builder().target(target).level(level).build();
            !is_detail(&met.as_trace())
        };
        for target in ["jeton", "jeton::store::sled"] {
            assert!(is_heard(target, log::Level::Trace), "{target}");
        }
        for target in ["sled::tree", "tokio_postgres::query", "h2::codec", "jetonish", "log"] {
            assert!(!is_heard(target, log::Level::Trace), "{target}");
            assert!(!is_heard(target, log::Level::Debug), "{target}");
            assert!(is_heard(target, log::Level::Info), "{target}");
        }
    }
}
