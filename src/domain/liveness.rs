//! Liveness of a grant: every path checks it before it uses anything else of the grant.

use super::{
    cause::Cause,
    client::Client,
    epoch::Epoch,
    grant::{EndCause, Grant},
    subject::{Subject, UserId},
    time::Timestamp,
    user::User,
};

/// Reasons for which a token is inactive. Only callers with the permission see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InactiveReason {
    /// Not a token that this service has a record of.
    Unknown,
    /// Of another kind than was asked for.
    WrongKind,
    /// Not one that this caller may introspect.
    NotVisible,
    /// Past its own expiry or its grant's.
    Expired,
    /// Its grant, or the access token alone, was revoked.
    Revoked,
    /// Its grant ended because a refresh token was replayed.
    Replayed,
    /// A newer generation has taken its place.
    Superseded,
    /// Its client is disabled or deleted, or all grants of the client were ended.
    ClientEnded,
    /// Its user is disabled or deleted or has a new password, or all grants of the user were ended.
    SubjectEnded,
    /// A grant that its grant came of by token exchange is inactive.
    AncestorEnded,
}

/// Judgement of the grants that a grant came of by token exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lineage {
    /// Their records were not read: nothing that came of them is active.
    #[default]
    Unread,
    /// All of them are alive, or there are none.
    Alive,
    /// One of them is not alive, or its record is gone.
    Ended,
}

/// Records of a grant that another one came of, as they are now: `None` where there is none any more.
#[derive(Clone, Copy, Debug)]
pub struct AncestorRecords<'a> {
    /// The grant.
    pub grant: Option<&'a Grant>,
    /// Its client.
    pub client: Option<&'a Client>,
}

impl Lineage {
    /// Judges the grants that `grant` came of, whose records are `ancestors`, in the order of
    /// [`Delegation::ancestors`](super::delegation::Delegation::ancestors). All of them have its subject,
    /// whose record is `user`.
    pub fn judge<'a>(
        grant: &Grant,
        ancestors: impl IntoIterator<Item = AncestorRecords<'a>>,
        user: Option<&User>,
        now: Timestamp,
    ) -> Self {
        let Some(delegation) = &grant.delegation else { return Self::Alive };
        let mut records = ancestors.into_iter();
        let alive = delegation.ancestors.iter().all(|ancestor| {
            let Some(AncestorRecords { grant: Some(held), client }) = records.next() else {
                return false;
            };
            let parties = ClientAndUser { client, user, lineage: Self::Alive };
            held.id == ancestor.grant_id && check(held, parties, now).is_ok()
        });
        if alive { Self::Alive } else { Self::Ended }
    }
}

/// The records a grant depends on, as they are now: `None` where there is none any more.
#[derive(Clone, Copy, Debug)]
pub struct ClientAndUser<'a> {
    /// The grant's client.
    pub client: Option<&'a Client>,
    /// The grant's user; `None` also when its subject is the client itself.
    pub user: Option<&'a User>,
    /// Judgement of the grants that it came of.
    pub lineage: Lineage,
}

impl InactiveReason {
    /// Returns the cause of the reason, for a token of `grant` and its `parties`.
    pub fn cause(self, grant: &Grant, parties: ClientAndUser<'_>) -> Cause {
        match self {
            Self::Unknown => Cause::Forged,
            Self::WrongKind => Cause::WrongKind,
            Self::NotVisible => Cause::WrongClient,
            Self::Expired => Cause::Expired,
            Self::Superseded => Cause::Superseded,
            // Without an end of the grant, the access token was revoked alone.
            Self::Revoked | Self::Replayed => {
                grant.end.as_ref().map_or(Cause::Revoked, |end| end.cause.cause())
            }
            Self::ClientEnded => match parties.client {
                None => Cause::DeletedClient,
                Some(client) if client.disabled => Cause::DisabledClient,
                Some(_) => Cause::ClientEnded,
            },
            Self::SubjectEnded => match parties.user {
                None => Cause::DeletedUser,
                Some(user) if user.disabled => Cause::DisabledUser,
                Some(_) => Cause::UserEnded,
            },
            Self::AncestorEnded => Cause::AncestorEnded,
        }
    }
}

/// Checks that tokens of `grant` can be used at `now`.
///
/// # Errors
/// The reason for which it is inactive.
pub fn check(
    grant: &Grant,
    parties: ClientAndUser<'_>,
    now: Timestamp,
) -> Result<(), InactiveReason> {
    if let Some(end) = &grant.end {
        return Err(match end.cause {
            EndCause::Replayed => InactiveReason::Replayed,
            EndCause::Revoked | EndCause::StoreWentBack | EndCause::Evicted => {
                InactiveReason::Revoked
            }
        });
    }
    if now >= grant.expire_time {
        return Err(InactiveReason::Expired);
    }
    let client = parties.client.filter(|client| !client.disabled);
    if client.is_none_or(|client| client.epoch != grant.client_epoch) {
        return Err(InactiveReason::ClientEnded);
    }
    match grant.subject {
        Subject::Client => {}
        Subject::User { id, epoch } => check_user(parties.user, id, epoch)?,
    }
    match (&grant.delegation, parties.lineage) {
        (None, _) | (Some(_), Lineage::Alive) => Ok(()),
        (Some(_), Lineage::Unread | Lineage::Ended) => Err(InactiveReason::AncestorEnded),
    }
}

/// Returns whether the grant is over for good: neither a refresh nor enabling its client or user
/// makes its tokens active again.
pub fn is_over(grant: &Grant, parties: ClientAndUser<'_>, now: Timestamp) -> bool {
    let of_client = parties.client.is_some_and(|client| client.epoch == grant.client_epoch);
    let of_user = match grant.subject {
        Subject::Client => true,
        Subject::User { epoch, .. } => parties.user.is_some_and(|user| user.epoch == epoch),
    };
    let spent = now >= grant.expire_time.min(grant.spent_time());
    grant.end.is_some() || spent || !of_client || !of_user
}

/// Checks that a token of `grant` is active at `now`, or can become so by a refresh.
///
/// # Errors
/// The reason for which it is inactive.
pub fn check_use(
    grant: &Grant,
    parties: ClientAndUser<'_>,
    now: Timestamp,
) -> Result<(), InactiveReason> {
    check(grant, parties, now)?;
    if now >= grant.spent_time() {
        return Err(InactiveReason::Expired);
    }
    // Without a refresh token there is one generation and nothing but its access token.
    if grant.current.refresh.is_none() && grant.current.access.hash.is_none() {
        return Err(InactiveReason::Revoked);
    }
    Ok(())
}

fn check_user(user: Option<&User>, id: UserId, epoch: Epoch) -> Result<(), InactiveReason> {
    let alive = user.is_some_and(|user| user.id == id && !user.disabled && user.epoch == epoch);
    if alive { Ok(()) } else { Err(InactiveReason::SubjectEnded) }
}
