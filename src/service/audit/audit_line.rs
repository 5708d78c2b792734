//! The events of the audit, and how they are written.

use std::{borrow::Cow, fmt::Display};

use crate::{
    domain::{
        cause::Cause,
        client_id::ClientId,
        error::Error,
        grant::{Grant, Origin},
        grant_id::GrantId,
        subject::{Subject, UserId},
    },
    service::Caller,
    store::WriteError,
};

/// The target of audit events, which the log sorts them by.
pub(in crate::service) const TARGET: &str = "jeton::audit";

/// Kind of the event.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) enum Event {
    /// A client or caller authenticated; only failures are written.
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

/// Outcome of the event.
#[derive(Clone, Debug)]
pub(in crate::service) enum Outcome {
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
            Self::Refused(error) => Some(error.reason().name()),
            Self::Done | Self::Repeated | Self::Replayed | Self::StoreWentBack | Self::Nothing => {
                None
            }
        }
    }

    fn cause(&self) -> Option<Cause> {
        match self {
            Self::Refused(error) => error.cause(),
            Self::Replayed => Some(Cause::Replayed),
            Self::StoreWentBack => Some(Cause::StoreWentBack),
            Self::Done | Self::Repeated | Self::Nothing => None,
        }
    }

    /// Returns the cause of a refusal; the reason in lower case where that has no causes.
    pub(in crate::service) fn refusal(&self) -> Option<Cow<'static, str>> {
        let cause = self.cause().map(|cause| Cow::Borrowed(cause.name()));
        cause.or_else(|| self.reason().map(|reason| Cow::Owned(reason.to_ascii_lowercase())))
    }
}

/// Facts about the tokens of a request, gathered on the way.
#[derive(Clone, Debug, Default)]
pub(in crate::service) struct AuditSubject {
    pub(in crate::service) grant_id: Option<GrantId>,
    subject: Option<String>,
}

impl AuditSubject {
    /// A token of this grant was presented, genuine or not.
    pub(in crate::service) fn named(&mut self, grant_id: GrantId) {
        self.grant_id = Some(grant_id);
    }

    /// Tokens of this grant.
    pub(in crate::service) fn grant(&mut self, grant: &Grant) {
        self.grant_id = Some(grant.id);
        self.subject = Some(grant.subject.text(&grant.client_id));
    }

    /// A user who is known, though perhaps not by their password.
    pub(in crate::service) fn user(&mut self, id: UserId) {
        self.subject = Some(id.to_string());
    }

    /// Records the subject and client of issued tokens.
    pub(in crate::service) fn subject(&mut self, subject: &Subject, client_id: &ClientId) {
        self.subject = Some(subject.text(client_id));
    }
}

/// One event of a caller's.
pub(in crate::service) struct Line<'a> {
    pub(in crate::service) event: &'static str,
    pub(in crate::service) outcome: &'static str,
    pub(in crate::service) reason: Option<&'static str>,
    pub(in crate::service) cause: Option<Cause>,
    pub(in crate::service) client_id: Option<&'a ClientId>,
    pub(in crate::service) peer: Option<&'a str>,
    pub(in crate::service) concerned: Option<&'a AuditSubject>,
}

impl<'a> Line<'a> {
    pub(in crate::service) fn new(event: Event, outcome: &Outcome, origin: &'a Origin) -> Self {
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
    pub(in crate::service) fn write(&self) {
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
/// `record` to what: the id of a client, user or grant. `subject` is the person who did it, if it was one.
pub(in crate::service) fn write_admin(
    caller: &Caller,
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
        client_id = caller.id().as_str(),
        subject = caller.person().map(|person| tracing::field::display(person.user)),
        peer = origin.peer.as_deref(),
        action,
        record = record.map(tracing::field::display),
        "audit"
    );
}

/// Writes that the machine itself has given the administrator `id` a new secret. One that failed may have
/// been done all the same.
pub(in crate::service) fn write_reset(id: &ClientId, failed: Option<&WriteError>) {
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
