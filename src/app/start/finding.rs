//! Finding about one thing that was checked.

use std::fmt;

use super::refusal::Refusal;

/// Severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// A server starts, and somebody should know.
    Warning,
    /// A server does not start, does not serve, or must not.
    Error,
}

impl Level {
    /// In one word.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Finding about one thing that was checked. Names paths, clients and users, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Severity.
    pub level: Level,
    /// The thing that was checked, in a word or two.
    pub subject: &'static str,
    /// Result.
    pub found: String,
    /// Advice; nothing if the result is good.
    pub remedy: Option<String>,
}

/// One line: `error keys: jeton-keys/ab.key can be read by others: chmod 600`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}{}: {}", self.level.text(), self.subject, self.found)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

/// The findings so far.
#[derive(Default)]
pub(in crate::app) struct Findings(Vec<Finding>);

impl Findings {
    pub(in crate::app) fn good(&mut self, subject: &'static str, found: impl Into<String>) {
        self.0.push(Finding { level: Level::Good, subject, found: found.into(), remedy: None });
    }

    pub(in crate::app) fn warn(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.bad(Level::Warning, subject, found.into(), remedy.into());
    }

    pub(in crate::app) fn error(
        &mut self,
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.bad(Level::Error, subject, found.into(), remedy.into());
    }

    /// Adds a refusal of a step of a start.
    pub(super) fn refuse(
        &mut self,
        subject: &'static str,
        refusal: &Refusal,
        remedy: impl Into<String>,
    ) {
        self.bad(Level::Error, subject, refusal.to_string(), remedy.into());
    }

    fn bad(&mut self, level: Level, subject: &'static str, found: String, remedy: String) {
        self.0.push(Finding { level, subject, found, remedy: Some(remedy) });
    }
}

impl From<Findings> for Vec<Finding> {
    fn from(findings: Findings) -> Self {
        findings.0
    }
}
