//! `[audit]`: the destination of the audit.

use std::path::PathBuf;

use crate::{
    config::{fields::Fields, path, section::section, value::text},
    domain::invalid::Invalid,
};

/// Target of the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditSettings {
    /// The log, under the target `jeton::audit`, independent of the log's filter.
    #[default]
    Log,
    /// Standard output, in JSON.
    Stdout,
    /// A separate file in JSON: appended to, mode 0600, created if it is absent or was moved away.
    /// Relative to the working directory.
    File(PathBuf),
    /// The audit is off.
    Off,
}

section! {
    /// One line for each issue, refresh, revocation, refusal, reuse and change by an administrator.
    pub(in crate::config) struct Audit in "audit" {
        /// Target: "log" (under the target `jeton::audit`, with every filter), "stdout", "off", or a separate
        /// file, `"file:jeton-audit.jsonl"`.
        ///
        /// The file is created again if it was moved away.
        target: AuditSettings = text(r#""log", "stdout", "off" or "file:" and a path"#, target, |_| "log".into())
            .or(AuditSettings::Log),
    }
}

impl AuditSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Audit::read_all(fields).target
    }
}

fn target(text: &str) -> Result<AuditSettings, Invalid> {
    match text {
        "log" => Ok(AuditSettings::Log),
        "stdout" => Ok(AuditSettings::Stdout),
        "off" => Ok(AuditSettings::Off),
        _ => {
            let path = text.strip_prefix("file:").and_then(|path| path::path(path).ok());
            let problem = r#"must be "log", "stdout", "off" or "file:" and a path"#;
            path.map(AuditSettings::File).ok_or(Invalid(problem))
        }
    }
}
