//! Access of other users to data, keys and the private key of TLS.

use super::{
    super::access::{Exposure, exposures},
    finding::Findings,
    refusal::Refusal,
    step::{Nothing, Seen, Step},
};
use crate::config::Settings;

/// Warns of what others can reach, and refuses what cannot be meant.
pub(in crate::app) struct Access<'a>(&'a Settings);

impl<'a> Access<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }
}

impl Step for Access<'_> {
    type Given = Nothing;
    type Made = ();

    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        let exposures = exposures(self.0);
        if exposures.is_empty() {
            findings.good("access", "nobody else can change data or keys, or read a private key");
        }
        for exposure in exposures {
            match judge(&exposure) {
                Ok(()) => findings.warn("access", exposure.to_string(), exposure.remedy()),
                Err(_) => findings.error("access", exposure.to_string(), exposure.remedy()),
            }
        }
    }

    async fn take(self, _: Nothing) -> Result<(), Refusal> {
        for exposure in exposures(self.0) {
            judge(&exposure)?;
            tracing::warn!("{exposure}: {}", exposure.remedy());
        }
        Ok(())
    }
}

fn judge(exposure: &Exposure) -> Result<(), Refusal> {
    if exposure.is_error() {
        let (found, remedy) = (exposure.to_string(), exposure.remedy());
        return Err(Refusal::Exposed { found, remedy });
    }
    Ok(())
}
