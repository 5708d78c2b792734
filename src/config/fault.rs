//! Faults of settings, with their places.

use std::{fmt, path::PathBuf};

use thiserror::Error;

/// The place of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A position in the settings file.
    Line {
        /// Path of the file as it was given.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// The settings file as a whole.
    File(PathBuf),
    /// A flag or its environment variable: `--grpc-listen (JETON_GRPC_LISTEN)`.
    Override(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Override(flag) => f.write_str(flag),
        }
    }
}

/// A fault to correct. Contains keys, paths and variables, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub struct Fault {
    /// Place of the fault.
    pub place: Place,
    /// Description of the fault.
    pub problem: String,
}

/// All faults: those of the file in its order, then those of flags and environment. Displayed one a
/// line, without a line end after the last.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let line_end = if at == 0 { "" } else { "\n" };
            write!(f, "{line_end}{fault}")?;
        }
        Ok(())
    }
}
