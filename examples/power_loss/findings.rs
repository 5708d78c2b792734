//! The faults that a verification found.

use std::{fmt, process::ExitCode};

use crate::history::Wrong;

/// The number of faults of each kind, and the first fault.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    lost: u64,
    invented: u64,
    order: u64,
    first: Option<String>,
}

impl Findings {
    /// Records that promised data is missing.
    pub(crate) fn lost(&mut self, what: String) {
        self.lost += 1;
        self.first.get_or_insert(what);
    }

    /// Records that the store contains data that was never written.
    pub(crate) fn invented(&mut self, what: String) {
        self.invented += 1;
        self.first.get_or_insert(what);
    }

    /// Records that data exists without other data that must be written before it.
    pub(crate) fn order(&mut self, what: String) {
        self.order += 1;
        self.first.get_or_insert(what);
    }

    /// Records the judgement of one record.
    pub(crate) fn judge(&mut self, name: &str, judgement: Result<(), Wrong>) {
        match judgement {
            Ok(()) => {}
            Err(Wrong::Lost(why)) => self.lost(format!("{name} {why}")),
            Err(Wrong::Invented(why)) => self.invented(format!("{name} {why}")),
        }
    }

    /// Returns the program's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.lost + self.invented > 0 {
            ExitCode::from(1)
        } else if self.order > 0 {
            ExitCode::from(4)
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost {} invented {} order {}", self.lost, self.invented, self.order)?;
        self.first.as_ref().map_or(Ok(()), |first| write!(f, ": {first}"))
    }
}
