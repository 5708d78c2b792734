//! The keys that sign access tokens.

use tokio::task::spawn_blocking;

use super::{
    super::{KeyFiles, NewSigningKey, SystemClock, SystemEntropy, named_keys::NamedKeys},
    finding::Findings,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::{
    config::{DeclaredClient, Settings},
    domain::{
        access_format::AccessTokenFormat,
        algorithm::Algorithm,
        signing_key_id::SigningKeyId,
        signing_times::{JwtLife, SigningState},
        time::Clock as _,
    },
    jose::SigningRing,
    store::{Engine, SigningKeys as _, Store as _},
};

const SUBJECT: &str = "signing keys";
const LACKED: &str =
    "the key ring lacks a signing key whose tokens can be good, and are UNAVAILABLE";

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

    /// Reports the keys whose tokens can be good and that the ring lacks. A database has them from others.
    fn look_at_missing(
        &self,
        of_database: &[SigningKeyId],
        ring: &SigningRing,
        findings: &mut Findings,
    ) {
        let embedded = self.0.store.url.is_none();
        let of_store =
            if embedded { NamedKeys::read_signing(&self.0.store.path) } else { Vec::new() };
        for id in missing(of_store.into_iter().chain(of_database.iter().copied()), ring) {
            if !embedded {
                let refusal = Refusal::MissingSigningKey(id);
                return findings.refuse(SUBJECT, &refusal, "copy it from another instance");
            }
            findings.error(SUBJECT, format!("{LACKED}: {id}"), "copy its file to the key ring");
        }
    }

    /// Returns whether a start makes the first key. Of several instances over one database each would make
    /// another, which the key sets of the others do not have.
    fn makes_first(&self) -> bool {
        (self.0.first_look || self.signs()) && self.0.store.url.is_none()
    }
}

/// The needed keys that the ring lacks.
fn missing(
    needed: impl Iterator<Item = SigningKeyId>,
    ring: &SigningRing,
) -> impl Iterator<Item = SigningKeyId> {
    needed.filter(|id| ring.get(*id).is_none())
}

impl<'a> Step for SigningKeys<'a> {
    type Given = &'a Engine;
    type Made = SigningRing;

    async fn look(&self, seen: &mut Seen, findings: &mut Findings) {
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
        self.look_at_missing(&seen.signing, &ring, findings);
        for (held, state) in ring.states(JwtLife(self.0.keys.max_jwt_ttl), now) {
            if state == SigningState::Expired {
                let id = held.key.id();
                let found = format!("nothing that {id} signed can be good any more");
                findings.warn(SUBJECT, found, "remove it: jeton key remove");
            }
        }
    }

    async fn take(self, store: &'a Engine) -> Result<SigningRing, Refusal> {
        let (files, makes_first) = (self.files(), self.makes_first());
        let read = spawn_blocking(move || {
            let ring = files.signing()?;
            if ring.keys().is_empty() && makes_first {
                let new = NewSigningKey { algorithm: Algorithm::Es256, import: None };
                files.add_signing(new, &SystemEntropy, SystemClock.now())?;
                return Ok::<_, Refusal>(files.signing()?);
            }
            Ok(ring)
        });
        let ring = read.await??;
        let needed = store.needed_signing_keys().await?;
        for id in missing(needed.iter().map(|needed| needed.key), &ring) {
            if store.is_shared() {
                return Err(Refusal::MissingSigningKey(id));
            }
            tracing::error!(key_id = %id, "{LACKED}");
        }
        Ok(ring)
    }
}
