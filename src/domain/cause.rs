//! Causes for which a request is refused or a token is inactive, for administrators and the audit.

use std::fmt;

/// Cause of a public reason. Callers without the permission see the reason alone, which many causes
/// share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// No credentials came.
    NoCredentials,
    /// The credentials cannot be read.
    UnreadableCredentials,
    /// A bearer token came where a client must authenticate.
    BearerNotAccepted,
    /// There is no such client.
    UnknownClient,
    /// The client is disabled.
    DisabledClient,
    /// The client is deleted.
    DeletedClient,
    /// A name alone came, and the client is not public.
    MissingSecret,
    /// A secret came, and the client has none: it is public, or has a certificate alone.
    NoSecret,
    /// The secret is none of the client's.
    WrongSecret,
    /// The secret was the client's, or all secrets of the client have expired.
    ExpiredSecret,
    /// No client, or not the one named, lists the certificate.
    WrongCertificate,
    /// The assertion is no signed JWT, or lacks a claim that one needs.
    UnreadableAssertion,
    /// No trusted issuer makes assertions like it.
    UnknownIssuer,
    /// The assertion is signed by an algorithm that its issuer does not use.
    WrongAlgorithm,
    /// The issuer has no such key.
    UnknownKey,
    /// The issuer's key did not make the signature.
    WrongSignature,
    /// The type of the JWT makes it something else than an assertion.
    WrongMediaType,
    /// The assertion is not meant for this server, or not for it alone.
    WrongAudience,
    /// The assertion has expired.
    ExpiredAssertion,
    /// The assertion is not good yet.
    EarlyAssertion,
    /// The assertion is good for longer than its issuer may make it.
    LongAssertion,
    /// The issuer, when asked, does not vouch for the token: its account or pod is gone, or it is of
    /// another account or for another audience.
    DeniedByIssuer,
    /// The client has signed an assertion, and has no live key.
    NoKey,
    /// The client's own assertion, or the ID token, was shown before.
    ReplayedAssertion,
    /// No client, or not the one named, lists what the issuer vouches for; or two users do.
    WrongIdentity,
    /// A client lists the subject, with the uid of another object of that name.
    WrongUid,
    /// The ID token lacks the claim for the name of a new user, or a claim is no name or attribute.
    UnusableClaim,
    /// Another user has the name that a new user would get.
    NameTaken,
    /// There is no user of that name or identity.
    UnknownUser,
    /// The user is disabled.
    DisabledUser,
    /// The user is deleted.
    DeletedUser,
    /// The password is not the user's.
    WrongPassword,
    /// The text is no token.
    Garbage,
    /// The text has the form of a token, and no key of the ring made it.
    Forged,
    /// A token of a grant that the store does not have: it has expired and is freed, or is another store's.
    UnknownGrant,
    /// An access token where a refresh token is due, or the other way round.
    WrongKind,
    /// A token of another client's.
    WrongClient,
    /// The token is bound to a certificate that the connection does not show.
    WrongHolder,
    /// The token, or its grant, has expired.
    Expired,
    /// The grant, or the access token alone, was revoked by its client or by an administrator.
    Revoked,
    /// The grant ended because a refresh token was used again.
    Replayed,
    /// The grant ended because a token was newer than its record: the store had gone back in time.
    StoreWentBack,
    /// The grant was ended to make room for newer ones of the same user and client.
    Evicted,
    /// A newer token has taken its place.
    Superseded,
    /// All grants of the client were ended at once.
    ClientEnded,
    /// All grants of the user were ended at once: a new password, or a revocation of all.
    UserEnded,
    /// A grant that its grant came of by token exchange is inactive.
    AncestorEnded,
    /// The bearer speaks for a user and not for a client, and not for an administrator.
    UsersToken,
    /// The bearer is not meant for jeton, or its client may not get such tokens any more.
    NotForJeton,
    /// Too many logins of the name at the client have failed.
    FailedLogins,
    /// Too many wrong secrets were shown for the client from that address.
    ClientSecrets,
    /// The client has made too many requests.
    Requests,
    /// The user has too many grants with the client.
    Grants,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 53] = [
        Self::NoCredentials,
        Self::UnreadableCredentials,
        Self::BearerNotAccepted,
        Self::UnknownClient,
        Self::DisabledClient,
        Self::DeletedClient,
        Self::MissingSecret,
        Self::NoSecret,
        Self::WrongSecret,
        Self::ExpiredSecret,
        Self::WrongCertificate,
        Self::UnreadableAssertion,
        Self::UnknownIssuer,
        Self::WrongAlgorithm,
        Self::UnknownKey,
        Self::WrongSignature,
        Self::WrongMediaType,
        Self::WrongAudience,
        Self::ExpiredAssertion,
        Self::EarlyAssertion,
        Self::LongAssertion,
        Self::DeniedByIssuer,
        Self::NoKey,
        Self::ReplayedAssertion,
        Self::WrongIdentity,
        Self::WrongUid,
        Self::UnusableClaim,
        Self::NameTaken,
        Self::UnknownUser,
        Self::DisabledUser,
        Self::DeletedUser,
        Self::WrongPassword,
        Self::Garbage,
        Self::Forged,
        Self::UnknownGrant,
        Self::WrongKind,
        Self::WrongClient,
        Self::WrongHolder,
        Self::Expired,
        Self::Revoked,
        Self::Replayed,
        Self::StoreWentBack,
        Self::Evicted,
        Self::Superseded,
        Self::ClientEnded,
        Self::UserEnded,
        Self::AncestorEnded,
        Self::UsersToken,
        Self::NotForJeton,
        Self::FailedLogins,
        Self::ClientSecrets,
        Self::Requests,
        Self::Grants,
    ];

    /// The name, on both wires and in the audit. Those of limits are the labels of
    /// `jeton_throttled_total`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::UnreadableCredentials => "unreadable_credentials",
            Self::BearerNotAccepted => "bearer_not_accepted",
            Self::UnknownClient => "unknown_client",
            Self::DisabledClient => "disabled_client",
            Self::DeletedClient => "deleted_client",
            Self::MissingSecret => "missing_secret",
            Self::NoSecret => "no_secret",
            Self::WrongSecret => "wrong_secret",
            Self::ExpiredSecret => "expired_secret",
            Self::WrongCertificate => "wrong_certificate",
            Self::UnreadableAssertion => "unreadable_assertion",
            Self::UnknownIssuer => "unknown_issuer",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::WrongSignature => "wrong_signature",
            Self::WrongMediaType => "wrong_media_type",
            Self::WrongAudience => "wrong_audience",
            Self::ExpiredAssertion => "expired_assertion",
            Self::EarlyAssertion => "early_assertion",
            Self::LongAssertion => "long_assertion",
            Self::DeniedByIssuer => "denied_by_issuer",
            Self::NoKey => "no_key",
            Self::ReplayedAssertion => "replayed_assertion",
            Self::WrongIdentity => "wrong_identity",
            Self::WrongUid => "wrong_uid",
            Self::UnusableClaim => "unusable_claim",
            Self::NameTaken => "name_taken",
            Self::UnknownUser => "unknown_user",
            Self::DisabledUser => "disabled_user",
            Self::DeletedUser => "deleted_user",
            Self::WrongPassword => "wrong_password",
            Self::Garbage => "garbage",
            Self::Forged => "forged",
            Self::UnknownGrant => "unknown_grant",
            Self::WrongKind => "wrong_kind",
            Self::WrongClient => "wrong_client",
            Self::WrongHolder => "wrong_holder",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Replayed => "replayed",
            Self::StoreWentBack => "store_went_back",
            Self::Evicted => "evicted",
            Self::Superseded => "superseded",
            Self::ClientEnded => "client_ended",
            Self::UserEnded => "user_ended",
            Self::AncestorEnded => "ancestor_ended",
            Self::UsersToken => "users_token",
            Self::NotForJeton => "not_for_jeton",
            Self::FailedLogins => "failed_logins",
            Self::ClientSecrets => "client_secrets",
            Self::Requests => "requests",
            Self::Grants => "grants",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cause_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        let causes: BTreeSet<_> = Cause::ALL.into_iter().collect();
        assert_eq!(causes.len(), Cause::ALL.len());
    }
}
