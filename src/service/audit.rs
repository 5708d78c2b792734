//! The audit: one structured event each time tokens are issued, refreshed, revoked or refused, a token
//! is reused, or an administrator changes something.
//!
//! Who: `client_id`, `peer`. What: `grant_id`, `subject`; for administration `action` and `record`.
//! With what outcome: `outcome`, and for a refusal `reason`, as its caller was told, and `cause`, what lies
//! behind it. Never a token, secret, password or
//! user name: people type passwords where names go. A name that a client gives itself is shown only
//! when there is such a client. What strangers are refused is told a few times a second, and summed up
//! beyond that.

use std::fmt::Display;

#[cfg(doc)]
use super::stranger_audit::StrangerAudit;
use super::{Caller, Credentials, Service};
use crate::{
    domain::{
        cause::Cause,
        client::ClientType,
        client_id::ClientId,
        error::Error,
        grant::{Grant, Origin},
        grant_id::GrantId,
        subject::{Subject, UserId},
    },
    store::{Records as _, Store, WriteError},
};

/// The target of audit events, which the log sorts them by.
pub(super) const TARGET: &str = "jeton::audit";

/// What was done or asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A client or caller authenticated; only failures are told.
    Authenticate,
    /// Tokens of a new grant.
    Issue,
    /// The next tokens of a grant.
    Refresh,
    /// The end of a grant or of its access tokens.
    Revoke,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Issue => "issue",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
        }
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// A refresh was answered again within the retry window, with the same tokens.
    Repeated,
    /// A refresh token that was rotated out came back: the grant was ended.
    Replayed,
    /// A refresh token came that the grant's record is too old for: the grant was ended.
    StoreWentBack,
    /// There was nothing to do.
    Nothing,
    /// It was not done.
    Refused(Error),
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Replayed => "replayed",
            Self::StoreWentBack => "store_went_back",
            Self::Nothing => "nothing",
            Self::Refused(_) => "refused",
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Refused(error) => Some(reason(error)),
            Self::Done | Self::Repeated | Self::Replayed | Self::StoreWentBack | Self::Nothing => {
                None
            }
        }
    }
}

impl Outcome {
    fn cause(&self) -> Option<Cause> {
        match self {
            Self::Refused(error) => error.cause(),
            Self::Replayed => Some(Cause::Replayed),
            Self::StoreWentBack => Some(Cause::StoreWentBack),
            Self::Done | Self::Repeated | Self::Nothing => None,
        }
    }
}

/// What is known of the tokens concerned, gathered on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Concerned {
    grant_id: Option<GrantId>,
    subject: Option<String>,
}

impl Concerned {
    /// A token of this grant was presented, genuine or not.
    pub(super) fn named(&mut self, grant_id: GrantId) {
        self.grant_id = Some(grant_id);
    }

    /// Tokens of this grant.
    pub(super) fn grant(&mut self, grant: &Grant) {
        self.grant_id = Some(grant.id);
        self.subject = Some(grant.subject.text(&grant.client_id));
    }

    /// A user who is known, though perhaps not by their password.
    pub(super) fn user(&mut self, id: UserId) {
        self.subject = Some(id.to_string());
    }

    /// Who tokens were issued for.
    pub(super) fn subject(&mut self, subject: &Subject, client_id: &ClientId) {
        self.subject = Some(subject.text(client_id));
    }
}

/// One event of a caller's.
pub(super) struct Line<'a> {
    pub(super) event: &'static str,
    pub(super) outcome: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) cause: Option<Cause>,
    pub(super) client_id: Option<&'a ClientId>,
    pub(super) peer: Option<&'a str>,
    pub(super) concerned: Option<&'a Concerned>,
}

impl<'a> Line<'a> {
    fn new(event: Event, outcome: &Outcome, origin: &'a Origin) -> Self {
        Self {
            event: event.name(),
            outcome: outcome.name(),
            reason: outcome.reason(),
            cause: outcome.cause(),
            client_id: None,
            peer: origin.peer.as_deref(),
            concerned: None,
        }
    }

    /// Writes it.
    pub(super) fn write(&self) {
        let grant_id = self.concerned.and_then(|concerned| concerned.grant_id);
        tracing::info!(
            target: TARGET,
            event = self.event,
            outcome = self.outcome,
            reason = self.reason,
            cause = self.cause.map(Cause::name),
            client_id = self.client_id.map(ClientId::as_str),
            peer = self.peer,
            grant_id = grant_id.map(tracing::field::display),
            subject = self.concerned.and_then(|concerned| concerned.subject.as_deref()),
            "audit"
        );
    }
}

/// Writes one event of an administrator's, or of one who is none. `action` says what was done,
/// `record` to what: the id of a client, user or grant.
pub(super) fn write_admin(
    client_id: &ClientId,
    origin: &Origin,
    action: Option<&'static str>,
    record: Option<&dyn Display>,
    outcome: &Outcome,
) {
    tracing::info!(
        target: TARGET,
        event = "admin",
        outcome = outcome.name(),
        reason = outcome.reason(),
        client_id = client_id.as_str(),
        peer = origin.peer.as_deref(),
        action,
        record = record.map(tracing::field::display),
        "audit"
    );
}

/// Writes that the machine itself has given the administrator `id` a new secret. One that failed may have
/// been done all the same.
pub(super) fn write_reset(id: &ClientId, failed: Option<&WriteError>) {
    tracing::info!(
        target: TARGET,
        event = "admin",
        outcome = if failed.is_none() { "done" } else { "refused" },
        error = failed.map(tracing::field::display),
        action = "reset administrator",
        record = %id,
        "audit"
    );
}

impl<S: Store> Service<S> {
    /// Writes one event of a caller's. Anybody can be a public client: of what comes to nothing there,
    /// some is [summed up](StrangerAudit).
    pub(super) fn audit(
        &self,
        event: Event,
        caller: &Caller,
        origin: &Origin,
        (concerned, outcome): (&Concerned, &Outcome),
    ) {
        let line = Line {
            client_id: Some(caller.id()),
            concerned: Some(concerned),
            ..Line::new(event, outcome, origin)
        };
        let stranger = caller.client().client_type == ClientType::Public;
        if stranger && matches!(outcome, Outcome::Refused(_) | Outcome::Nothing) {
            self.strangers.write(&line, self.now());
        } else {
            line.write();
        }
    }

    /// Notes who a refused token speaks for, where it is one of ours.
    pub(super) async fn note_grant(&self, concerned: &mut Concerned, refused: &Error) {
        if matches!(refused.cause(), None | Some(Cause::Garbage | Cause::Forged)) {
            return;
        }
        if let Some(id) = concerned.grant_id
            && let Ok(Some(grant)) = self.grant(id).await
        {
            concerned.grant(&grant);
        }
    }

    /// Writes what strangers were refused beyond their ration, summed up. To be called now and then, and
    /// before the process ends.
    pub fn sum_up_strangers(&self) {
        self.strangers.sum_up();
    }

    /// [`Self::authenticate_client`], with failures in the audit. `origin` is asked for then only.
    ///
    /// # Errors
    /// As there.
    pub async fn audited_client(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
    ) -> Result<Caller, Error> {
        let authenticated = self.authenticate_client(credentials).await;
        self.audit_authentication(credentials, origin, authenticated).await
    }

    /// [`Self::authenticate_caller`], with failures in the audit. `origin` is asked for then only.
    ///
    /// # Errors
    /// As there.
    pub async fn audited_caller(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
    ) -> Result<Caller, Error> {
        let authenticated = self.authenticate_caller(credentials).await;
        self.audit_authentication(credentials, origin, authenticated).await
    }

    async fn audit_authentication(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
        authenticated: Result<Caller, Error>,
    ) -> Result<Caller, Error> {
        let error = match authenticated {
            Ok(caller) => return Ok(caller),
            Err(error) => error,
        };
        let readings = credentials.client_ids();
        let named = readings.into_iter().find_map(|id| ClientId::parse(id).ok());
        let known = match (&named, &error) {
            // The store has just been waited for in vain: the caller is not to wait for it again.
            (Some(id), Error::Unavailable { .. }) => self.store.clients().cached(id),
            // What cannot be read now is not known.
            (Some(id), _) => self.client(id).await.ok().flatten(),
            (None, _) => None,
        };
        let client_id = known.as_ref().map(|client| &client.id);
        let outcome = Outcome::Refused(error.clone());
        let origin = origin();
        let line = Line { client_id, ..Line::new(Event::Authenticate, &outcome, &origin) };
        self.strangers.write(&line, self.now());
        Err(error)
    }
}

/// The reason as the wires name it.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidRequest { .. } | Error::TooWeak { .. } => "INVALID_REQUEST",
        Error::InvalidClient(_) => "INVALID_CLIENT",
        Error::InvalidGrant(_) => "INVALID_GRANT",
        Error::UnauthorizedClient => "UNAUTHORIZED_CLIENT",
        Error::UnsupportedGrantType => "UNSUPPORTED_GRANT_TYPE",
        Error::InvalidScope => "INVALID_SCOPE",
        Error::InvalidTarget => "INVALID_TARGET",
        Error::InvalidToken(_) => "INVALID_TOKEN",
        Error::AccessDenied => "ACCESS_DENIED",
        Error::NotFound(_) => "NOT_FOUND",
        Error::AlreadyExists(_) => "ALREADY_EXISTS",
        Error::Changed => "CHANGED",
        Error::CursorOutOfRange { .. } => "CURSOR_OUT_OF_RANGE",
        Error::TooSlow => "TOO_SLOW",
        Error::RateLimited { .. } => "RATE_LIMITED",
        Error::Overloaded { .. } => "OVERLOADED",
        Error::NoSpace { .. } => "NO_SPACE",
        Error::Unavailable { .. } => "TEMPORARILY_UNAVAILABLE",
        Error::Conflict => "CONFLICT",
        Error::Internal { .. } => "SERVER_ERROR",
    }
}
