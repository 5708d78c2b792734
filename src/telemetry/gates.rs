//! Two layers of lines, for people and JSON, each behind a gate that is changed while they are in use.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry, fmt,
    fmt::MakeWriter,
    layer::Filter,
    reload::{self, Handle},
};

use crate::config::{Environment as _, ProcessEnvironment};

/// The target of spans that are sent and not logged.
pub(super) const TRACES: &str = "jeton::traces";

/// Format of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Lines that are written somewhere.
pub(super) type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// Filter of the lines that are written.
pub(super) type Gate = Box<dyn Filter<Registry> + Send + Sync>;

/// The gates of two layers, of which one at a time writes. Cloning shares them.
#[derive(Clone)]
pub(super) struct Gates {
    human: Handle<Gate, Registry>,
    json: Handle<Gate, Registry>,
}

/// Two layers that write to the same place: the one of `form` what `gate` lets through.
pub(super) fn layers<W>(
    writer: impl Fn() -> W,
    form: Form,
    gate: impl FnOnce() -> Gate,
) -> (Vec<Lines>, Gates)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (human_gate, json_gate) = match form {
        Form::Human => (gate(), closed()),
        Form::Json => (closed(), gate()),
    };
    let (human_gate, human) = reload::Layer::new(human_gate);
    let (json_gate, json) = reload::Layer::new(json_gate);
    // https://no-color.org
    let plain = ProcessEnvironment.variable("NO_COLOR").is_some();
    let colours = io::stderr().is_terminal() && !plain;
    let layers: Vec<Lines> = vec![
        Box::new(fmt::layer().with_writer(writer()).with_ansi(colours).with_filter(human_gate)),
        Box::new(
            fmt::layer().with_writer(writer()).json().flatten_event(true).with_filter(json_gate),
        ),
    ];
    (layers, Gates { human, json })
}

impl Gates {
    /// From now on the layer of `form` writes what `gate` lets through, and the other nothing. For a
    /// moment both may write: a line twice is better than none.
    pub(super) fn change(&self, form: Form, gate: Gate) {
        let (opened, shut) = match form {
            Form::Human => (&self.human, &self.json),
            Form::Json => (&self.json, &self.human),
        };
        for (handle, gate) in [(opened, gate), (shut, closed())] {
            if let Err(error) = handle.reload(gate) {
                tracing::error!(%error, "the log could not be changed");
            }
        }
    }
}

fn closed() -> Gate {
    Box::new(LevelFilter::OFF)
}
