//! The log, the audit and the traces: the first step, since each after it may have something to say.

use super::{
    finding::Findings,
    refusal::Refusal,
    step::{Nothing, Seen, Step},
};
use crate::{
    config::{AuditSettings, Settings},
    telemetry::{self, Log, LogError},
};

/// Opens them.
pub(in crate::app) struct LogStep<'a>(&'a Settings);

impl<'a> LogStep<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }
}

impl Step for LogStep<'_> {
    type Given = Nothing;
    type Made = Log;

    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        let Self(Settings { audit, traces, .. }) = self;
        let refused = telemetry::look(audit, traces);
        if let AuditSettings::File(path) = audit
            && !refused.iter().any(|error| matches!(error, LogError::Audit { .. }))
        {
            findings.good("audit", format!("{} can be written", path.display()));
        }
        for error in refused {
            let (subject, remedy) = match error {
                LogError::Traces(_) => ("traces", "correct [traces]"),
                LogError::Audit { .. } | LogError::Started(_) => {
                    ("audit", "give it to the user that serves")
                }
            };
            findings.refuse(subject, &Refusal::from(error), remedy);
        }
    }

    async fn take(self, _: Nothing) -> Result<Log, Refusal> {
        let Self(Settings { log, audit, traces, .. }) = self;
        Ok(telemetry::start(log, audit, traces)?)
    }
}
