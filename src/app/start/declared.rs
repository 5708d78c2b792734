//! The clients and users that the settings declare.

use super::{
    super::declared::{declare, left_out},
    finding::Findings,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::{
    config::{Settings, Undeclared},
    domain::time::Timestamp,
    service::HashPool,
    store::{Engine, sled::SledStore},
};

/// Brings them into the store.
pub(in crate::app) struct Declaring<'a>(&'a Settings);

/// Store that they are brought into, the time, and the pool that hashes their secrets.
pub(in crate::app) struct Bringing<'a> {
    pub(in crate::app) store: &'a Engine,
    pub(in crate::app) hashes: &'a HashPool,
    pub(in crate::app) now: Timestamp,
}

impl<'a> Declaring<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }
}

impl<'a> Step for Declaring<'a> {
    type Given = Bringing<'a>;
    type Made = ();

    /// Reports the effect of the next start on the records that the last one found declared. The
    /// settings are read by the rules that a declaration must keep; what administrators changed
    /// since is in the store, which nobody else reads while a server has it open.
    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        const SUBJECT: &str = "declared";
        let Self(settings) = self;
        let gone = left_out(settings);
        if gone.is_empty() {
            findings.good(SUBJECT, "nothing that the last start found declared is missing");
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
        let is_new = settings.store.url.is_none() && !SledStore::exists(&settings.store.path);
        if !is_new && !settings.clients.is_empty() {
            let found = "only a start compares it with what administrators have changed";
            findings.good(SUBJECT, found);
        }
    }

    async fn take(self, given: Bringing<'a>) -> Result<(), Refusal> {
        let Bringing { store, hashes, now } = given;
        Ok(declare(self.0, store, hashes, now).await?)
    }
}
