//! The audit: one structured event each time tokens are issued, refreshed, revoked or refused, a token
//! is reused, or an administrator changes something.
//!
//! Caller: `client_id`, `peer`. Object: `grant_id`, `subject`; for administration `action` and
//! `record`. Outcome: `outcome`, and for a refusal `reason`, which the caller sees, and its
//! `cause`. Never a token, secret, password or user name: people type passwords where names go. A
//! name that a client gives itself is shown only when there is such a client. Refusals of strangers
//! are written a few times a second, and summed up beyond that.

pub(super) mod audit_line;
pub(super) mod stranger_audit;

use std::sync::Arc;

use self::{
    audit_line::{AuditSubject, Event, Line, Outcome},
    stranger_audit::StrangerAudit,
};
use super::{Caller, Credentials, metrics::ServiceMetrics, records::Records};
use crate::{
    domain::{cause::Cause, client::ClientType, client_id::ClientId, error::Error, grant::Origin},
    store::{Records as _, Store},
};

/// Writer of the audit, which also counts the refusals.
pub struct Audit<S> {
    records: Records<S>,
    metrics: Arc<ServiceMetrics>,
    strangers: Arc<StrangerAudit>,
}

impl<S> Audit<S> {
    pub(super) const fn new(
        records: Records<S>,
        metrics: Arc<ServiceMetrics>,
        strangers: Arc<StrangerAudit>,
    ) -> Self {
        Self { records, metrics, strangers }
    }

    /// Returns the metrics, whose refusals are those of the audit.
    pub(super) fn metrics(&self) -> &ServiceMetrics {
        &self.metrics
    }
}

impl<S: Store> Audit<S> {
    /// Writes one event of a caller's. Anybody can be a public client: of what comes to nothing there,
    /// some is [summed up](StrangerAudit).
    pub(super) fn write(
        &self,
        event: Event,
        caller: &Caller,
        origin: &Origin,
        concerned: &AuditSubject,
        outcome: &Outcome,
    ) {
        self.metrics.audited(outcome);
        let line = Line {
            client_id: Some(caller.id()),
            concerned: Some(concerned),
            ..Line::new(event, outcome, origin)
        };
        let stranger = caller.client().client_type == ClientType::Public;
        if stranger && matches!(outcome, Outcome::Refused(_) | Outcome::Nothing) {
            self.strangers.write(&line, self.records.now());
        } else {
            line.write();
        }
    }

    /// Notes who a refused token speaks for, where it is one of ours.
    pub(super) async fn note_grant(&self, concerned: &mut AuditSubject, refused: &Error) {
        if matches!(refused.cause(), None | Some(Cause::Garbage | Cause::Forged)) {
            return;
        }
        if let Some(id) = concerned.grant_id
            && let Ok(Some(grant)) = self.records.grant(id).await
        {
            concerned.grant(&grant);
        }
    }

    /// Writes what strangers were refused beyond their ration, summed up. To be called now and then, and
    /// before the process ends.
    pub fn sum_up_strangers(&self) {
        self.strangers.sum_up();
    }

    /// Writes that an authentication failed, and hands its result on. `origin` is asked for then only.
    ///
    /// # Errors
    /// Those of `authenticated`.
    pub(super) async fn audit_authentication(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
        authenticated: Result<Caller, Error>,
    ) -> Result<Caller, Error> {
        match authenticated {
            Ok(caller) => Ok(caller),
            // Boxed: the room for it would be moved with each call that is let in.
            Err(error) => Err(Box::pin(self.refused_to(credentials, origin, error)).await),
        }
    }

    /// Writes the refusal, and returns its error.
    async fn refused_to(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
        error: Error,
    ) -> Error {
        let readings = credentials.client_ids();
        let named = readings.into_iter().find_map(|id| ClientId::parse(id).ok());
        let known = match (&named, &error) {
            // The store has just been waited for in vain: the caller is not to wait for it again.
            (Some(id), Error::Unavailable { .. }) => self.records.store.clients().cached(id),
            // A record that cannot be read now is unknown. The time does not show which clients there are.
            (Some(id), _) => {
                self.records.read(self.records.store.clients().get_stored(id)).await.ok().flatten()
            }
            (None, _) => None,
        };
        let client_id = known.as_ref().map(|client| &client.id);
        let outcome = Outcome::Refused(error.clone());
        self.metrics.audited(&outcome);
        let origin = origin();
        let line = Line { client_id, ..Line::new(Event::Authenticate, &outcome, &origin) };
        self.strangers.write(&line, self.records.now());
        error
    }
}
