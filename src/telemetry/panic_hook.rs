//! Reports panics through the log's own writer: the thread that panics must not wait for a reader
//! either.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::Write as _,
    panic, thread,
};

use tracing_appender::non_blocking::NonBlocking;

/// Writes panics to `log` from now on, in the words of the standard library.
pub(super) fn install(log: NonBlocking) {
    panic::set_hook(Box::new(move |panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let mut text = format!("thread '{name}' {panic}\n");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text.push_str(&backtrace.to_string());
        }
        // It takes every line, or counts it as lost.
        drop(log.clone().write_all(text.as_bytes()));
    }));
}
