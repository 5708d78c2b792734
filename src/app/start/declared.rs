//! The clients and users that the settings declare.

use super::{
    super::{
        SystemClock,
        declared::{declare, left_out, rehearse},
    },
    finding::Findings,
    hashes::Hashes,
    refusal::Refusal,
    step::{Seen, Step, StoredClients},
};
use crate::{
    config::{Settings, Undeclared},
    domain::{
        client::Client,
        time::{Clock as _, Timestamp},
    },
    service::HashPool,
    store::{Engine, ReadError, Stored},
};

const SUBJECT: &str = "declared";
const UNKNOWN: &str = "not compared with what administrators have changed";

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

impl Declaring<'_> {
    /// Compares what is declared with the `stored` records of its clients. The rules of what the settings
    /// alone show were kept when they were read.
    async fn compare(
        &self,
        stored: Vec<Result<Option<Stored<Client>>, ReadError>>,
        findings: &mut Findings,
    ) {
        // The step that starts the pool reports that there can be none.
        let Ok(hashes) = Hashes::of(self.0).start() else { return };
        let refusals = rehearse(self.0, stored, &hashes, SystemClock.now()).await;
        if refusals.is_empty() {
            findings.good(SUBJECT, "it fits what administrators have changed");
        }
        for refusal in refusals {
            findings.refuse(SUBJECT, &refusal.into(), "mend the settings: a start refuses it");
        }
    }
}

impl<'a> Step for Declaring<'a> {
    type Given = Bringing<'a>;
    type Made = ();

    /// Reports the effect of the next start on the records that the last one found declared, and every
    /// declaration that does not fit what administrators have changed since.
    async fn look(&self, seen: &mut Seen, findings: &mut Findings) {
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
        match std::mem::take(&mut seen.clients) {
            StoredClients::Read(stored) => self.compare(stored, findings).await,
            StoredClients::Served if settings.clients.is_empty() => {}
            StoredClients::Served => {
                findings.good(SUBJECT, format!("{UNKNOWN}: a server has the store open"));
            }
            StoredClients::Unread(error) => {
                let remedy = "run the check again when that is mended";
                findings.warn(SUBJECT, format!("{UNKNOWN}: the store: {error}"), remedy);
            }
            StoredClients::Nothing => {}
        }
    }

    async fn take(self, given: Bringing<'a>) -> Result<(), Refusal> {
        let Bringing { store, hashes, now } = given;
        Ok(declare(self.0, store, hashes, now).await?)
    }
}
