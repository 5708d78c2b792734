//! Clients and users that the last start found declared, and the file does not declare any more.

use super::{super::left_out, finding::Findings};
use crate::config::{Settings, Undeclared};

/// Reports the effect of the next start on them.
pub(super) fn examine(settings: &Settings, findings: &mut Findings) {
    const SUBJECT: &str = "declared";
    let gone = left_out(settings);
    if gone.is_empty() {
        findings.good(SUBJECT, "nothing that the last start found declared is missing");
        return;
    }
    for name in gone {
        let found = format!("the {name} was declared at the last start and is no more");
        match settings.serve.undeclared {
            Undeclared::Disable => {
                let found = format!("{found}: the next one disables it and ends its grants");
                let remedy =
                    "declare it again, or set serve.undeclared = \"keep\", if it is to go on";
                findings.warn(SUBJECT, found, remedy);
            }
            Undeclared::Keep => findings.good(SUBJECT, format!("{found}: it stays as it is")),
        }
    }
}
