//! `[log]`: the contents and the format of the log.

use crate::config::{
    log_filter::filter,
    section::section,
    value::{choice, text},
};

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// Text for people.
    Human,
    /// One JSON object a line.
    Json,
}

section! {
    /// The log on standard error. SIGHUP reloads this section.
    pub struct LogSettings in "log" {
        /// Log format: auto, human or json.
        ///
        /// "auto" is human on a terminal and JSON otherwise.
        format: LogFormat =
            choice(&[("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)])
                .or(LogFormat::Auto)
                .flag("log-format", "FORMAT"),
        /// Log filter: a level or directives like info,jeton=debug.
        ///
        /// Lines of libraries are written from info on.
        filter: String = text("a string", filter, String::clone).or("info".into()).flag("log", "FILTER"),
    }
}
