//! The keys that sign access tokens.

use tokio::task::spawn_blocking;

use super::{
    super::{KeyFiles, NewSigningKey, SystemClock, SystemEntropy},
    finding::Findings,
    refusal::Refusal,
    step::{Nothing, Seen, Step},
};
use crate::{
    config::{DeclaredClient, Settings},
    domain::{
        access_format::AccessTokenFormat, algorithm::Algorithm, signing_times::SigningState,
        time::Clock as _,
    },
    jose::SigningRing,
};

const SUBJECT: &str = "signing keys";

/// Reads them, and makes the first one where a client is to have signed access tokens.
pub(in crate::app) struct SigningKeys<'a>(&'a Settings);

impl<'a> SigningKeys<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    fn files(&self) -> KeyFiles {
        KeyFiles::new(&self.0.keys.path)
    }

    /// Returns whether a declared client is to have signed access tokens.
    fn signs(&self) -> bool {
        let format = |client: &DeclaredClient| client.patch.access_token_format;
        self.0.clients.iter().any(|client| format(client) == Some(AccessTokenFormat::Jwt))
    }

    /// Returns whether a start makes the first key. Of several instances over one database each would make
    /// another, which the key sets of the others do not have.
    fn makes_first(&self) -> bool {
        (self.0.first_look || self.signs()) && self.0.store.url.is_none()
    }
}

impl Step for SigningKeys<'_> {
    type Given = Nothing;
    type Made = SigningRing;

    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        let ring = match self.files().signing() {
            Ok(ring) => ring,
            Err(error) => {
                return findings.refuse(SUBJECT, &error.into(), "mend it, or restore the key ring");
            }
        };
        let now = SystemClock.now();
        if let Some(active) = ring.active(now) {
            let (count, id) = (ring.keys().len(), active.id());
            findings.good(SUBJECT, format!("{count} in the key ring, {id} signs access tokens"));
        }
        if ring.active(now).is_none() && self.signs() {
            if ring.keys().is_empty() && self.makes_first() {
                findings.good(SUBJECT, "there is none: a start makes one");
            } else {
                let found = "no key signs the access tokens of clients with the format jwt";
                let remedy = "jeton key add --signing, and a copy of its file for each instance";
                findings.error(SUBJECT, found.to_owned(), remedy);
            }
        }
        for (held, state) in ring.states(now) {
            if state == SigningState::Expired {
                let id = held.key.id();
                let found = format!("nothing that {id} signed can be good any more");
                findings.warn(SUBJECT, found, "remove it: jeton key remove");
            }
        }
    }

    async fn take(self, _: Nothing) -> Result<SigningRing, Refusal> {
        let (files, makes_first) = (self.files(), self.makes_first());
        let read = spawn_blocking(move || {
            let ring = files.signing()?;
            if ring.keys().is_empty() && makes_first {
                let new = NewSigningKey { algorithm: Algorithm::Es256, import: None };
                files.add_signing(new, &SystemEntropy, SystemClock.now())?;
                return Ok(files.signing()?);
            }
            Ok(ring)
        });
        read.await?
    }
}
