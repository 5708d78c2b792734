//! Collects faults and warnings while settings are read.

use std::path::Path;

use super::{
    fault::{Fault, Faults, Place},
    pasted::without_secrets,
    setting::Flag,
    warning::Warning,
};

/// The place of a fault before its line is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// A byte offset in the file.
    Byte(usize),
    /// A flag or its environment variable.
    Flag(Flag),
}

/// The faults and warnings found so far in one file and its overrides.
pub(super) struct Report<'a> {
    path: &'a Path,
    source: &'a str,
    faults: Vec<(Spot, String)>,
    warnings: Vec<Warning>,
    /// `true` if the file itself contains a clear secret or password.
    pub(super) holds_secrets: bool,
}

impl<'a> Report<'a> {
    /// Creates an empty report on the file at `path` with the text `source`.
    pub(super) fn new(path: &'a Path, source: &'a str) -> Self {
        Self { path, source, faults: Vec::new(), warnings: Vec::new(), holds_secrets: false }
    }

    /// Adds a fault.
    pub(super) fn fault(&mut self, spot: Spot, problem: impl Into<String>) {
        self.faults.push((spot, problem.into()));
    }

    /// Adds a warning, once.
    pub(super) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Returns line and column, both from 1, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let mut end = byte.min(self.source.len());
        while !self.source.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.source[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// Returns the warnings if there is no fault, or else the faults.
    pub(super) fn finish(self) -> Result<Vec<Warning>, Faults> {
        if self.faults.is_empty() { Ok(self.warnings) } else { Err(self.into_faults()) }
    }

    /// Returns the faults in the order of the file, followed by those of flags.
    pub(super) fn into_faults(mut self) -> Faults {
        self.faults.sort_by_key(|(spot, _)| *spot);
        let place = |spot: &Spot| match *spot {
            Spot::Flag(flag) => Place::Override(format!("--{} ({})", flag.name, flag.variable())),
            Spot::Byte(byte) => {
                let (line, column) = self.position(byte);
                Place::Line { path: self.path.to_owned(), line, column }
            }
        };
        let fault = |(spot, problem): &(Spot, String)| Fault {
            place: place(spot),
            problem: without_secrets(problem),
        };
        Faults(self.faults.iter().map(fault).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let report = Report::new(Path::new("f"), "é = 1\r\nab = 2\n");
        let at = |text: &str| report.source.find(text).expect("in the source");
        assert_eq!(report.position(0), (1, 1));
        assert_eq!(report.position(at("= 1")), (1, 3));
        assert_eq!(report.position(at("b = 2")), (2, 2));
        assert_eq!(report.position(1), (1, 1), "inside a character");
        assert_eq!(report.position(usize::MAX), (3, 1), "past the end");
    }

    #[test]
    fn faults_come_in_the_order_of_the_file_and_flags_last() {
        let mut report = Report::new(Path::new("f"), "a\nb\n");
        let flag = Flag::new("a-flag", "N");
        report.fault(Spot::Flag(flag), "third");
        report.fault(Spot::Byte(2), "second");
        report.fault(Spot::Byte(0), "first");
        let faults = report.finish().expect_err("three faults");
        assert_eq!(
            faults.to_string(),
            "f:1:1: first\nf:2:1: second\n--a-flag (JETON_A_FLAG): third"
        );
    }
}
