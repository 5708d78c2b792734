//! The values that the enums of a client have in the messages.

use crate::{
    domain::{
        access_format::AccessTokenFormat,
        client::{ClientType, IntrospectReach, WhenFull},
        confirmation::BoundTo,
        error::Error,
        grant_type::GrantType,
        permission::Permission,
    },
    proto::v1,
};

/// An enum that stands in messages as a number. The number 0 stands for a value that is not given.
pub(super) trait EnumValue: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// The number in messages.
    fn number(self) -> i32;

    /// Reads a number.
    ///
    /// # Errors
    /// `InvalidRequest` for one that is not known, and for 0.
    fn read(field: &'static str, number: i32) -> Result<Self, Error> {
        let known = Self::ALL.iter().copied().find(|known| known.number() == number);
        known.ok_or(unknown(field))
    }

    /// Reads a number that may be 0, for `standard`.
    ///
    /// # Errors
    /// `InvalidRequest` for one that is not known.
    fn read_or(field: &'static str, number: i32, standard: Self) -> Result<Self, Error> {
        if number == 0 { Ok(standard) } else { Self::read(field, number) }
    }
}

/// A value of an enum that the field does not take.
fn unknown(field: &'static str) -> Error {
    Error::InvalidRequest { field, problem: "must be known values" }
}

impl EnumValue for AccessTokenFormat {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::Opaque => v1::AccessTokenFormat::Opaque.into(),
            Self::Jwt => v1::AccessTokenFormat::Jwt.into(),
        }
    }
}

impl EnumValue for BoundTo {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::Certificate => v1::BoundTo::Certificate.into(),
            Self::Identity => v1::BoundTo::Identity.into(),
        }
    }
}

impl EnumValue for ClientType {
    const ALL: &'static [Self] = &[Self::Confidential, Self::Public];

    fn number(self) -> i32 {
        match self {
            Self::Confidential => v1::ClientType::Confidential.into(),
            Self::Public => v1::ClientType::Public.into(),
        }
    }
}

impl EnumValue for GrantType {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::Password => v1::GrantType::Password.into(),
            Self::RefreshToken => v1::GrantType::RefreshToken.into(),
            Self::ClientCredentials => v1::GrantType::ClientCredentials.into(),
            Self::JwtBearer => v1::GrantType::JwtBearer.into(),
            Self::TokenExchange => v1::GrantType::TokenExchange.into(),
        }
    }
}

impl EnumValue for IntrospectReach {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::Own => v1::IntrospectReach::Own.into(),
            Self::Audience => v1::IntrospectReach::Audience.into(),
            Self::Any => v1::IntrospectReach::Any.into(),
        }
    }
}

impl EnumValue for Permission {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::Admin => v1::Permission::Admin.into(),
            Self::InactiveReason => v1::Permission::InactiveReason.into(),
            Self::Backup => v1::Permission::Backup.into(),
            Self::Status => v1::Permission::Status.into(),
            Self::AuditRead => v1::Permission::AuditRead.into(),
            Self::Users => v1::Permission::Users.into(),
        }
    }
}

impl EnumValue for WhenFull {
    const ALL: &'static [Self] = &Self::ALL;

    fn number(self) -> i32 {
        match self {
            Self::EvictOldest => v1::WhenFull::EvictOldest.into(),
            Self::Refuse => v1::WhenFull::Refuse.into(),
        }
    }
}
