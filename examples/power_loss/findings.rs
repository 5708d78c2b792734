//! What a verification found wrong.

use std::{fmt, process::ExitCode};

use crate::history::Wrong;

/// Counts, and the first thing of all.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    lost: u64,
    invented: u64,
    order: u64,
    first: Option<String>,
}

impl Findings {
    /// Something promised is not there.
    pub(crate) fn lost(&mut self, what: String) {
        self.lost += 1;
        self.first.get_or_insert(what);
    }

    /// Something is there that nobody wrote.
    pub(crate) fn invented(&mut self, what: String) {
        self.invented += 1;
        self.first.get_or_insert(what);
    }

    /// Something is there without what must be written before it.
    pub(crate) fn order(&mut self, what: String) {
        self.order += 1;
        self.first.get_or_insert(what);
    }

    /// Takes a judgement on one record.
    pub(crate) fn judge(&mut self, name: &str, judgement: Result<(), Wrong>) {
        match judgement {
            Ok(()) => {}
            Err(Wrong::Lost(why)) => self.lost(format!("{name} {why}")),
            Err(Wrong::Invented(why)) => self.invented(format!("{name} {why}")),
        }
    }

    /// How the program ends.
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
