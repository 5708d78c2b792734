//! Records as bytes: a format version, then postcard. Later releases read the records of earlier
//! ones.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attempts::{Attempts, AttemptsId, UnderWay},
    change::Change,
    client::Client,
    client_id::ClientId,
    client_identity::ClientIdentity,
    client_key::ClientKey,
    grant::Grant,
    grant_id::GrantId,
    permission::Delegated,
    rotation_mark::RotationMark,
    subject::UserId,
    used_assertion::{AssertionId, UsedAssertion},
    user::User,
    user_identity::UserIdentity,
    vouched::Vouched,
};

/// The format that is written. Reading goes through [`decode`], which knows every older one.
const FORMAT: u8 = 1;
/// The same, followed by what few records have. Of grants: the root that a repeat has made. Of clients:
/// for each secret the request that made it. Of attempts: those under way, and, behind them, where they
/// were made and as whom.
const EXTENDED: u8 = 2;
/// Of clients, format 2 followed by the parts of administration that the client has: few have any, and an
/// older release must not take them for clients without.
const DELEGATED: u8 = 3;
/// Of clients, format 3, also without such parts, followed by the client's identities and keys: an older
/// release must not write such a client without them.
const IDENTIFIED: u8 = 4;
/// Of clients, format 4, also without identities and keys, followed by the grant types that it lacks the
/// room for. Of users, format 1 followed by identities and the permissions that a login gave: an older
/// release must not take such a user for one who has none.
const LINKED: u8 = 5;
/// Of grants, format 2, also without a root that a repeat has made, followed by the key that signed the access
/// token. Of clients, format 5, also without such grant types, followed by the format of access tokens and
/// the attributes that they show: an older release must not write either without it.
const SIGNED: u8 = 6;

/// A record that cannot be read: damage, or a newer release wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the record cannot be decoded")]
pub struct Corrupt;

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    encode_after(vec![FORMAT], record)
}

fn encode_after<T: Serialize>(bytes: Vec<u8>, value: &T) -> Vec<u8> {
    postcard::to_extend(value, bytes)
        .expect("a record in memory always has an encoding: no map or sequence of unknown length")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Corrupt> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => whole(body),
        Some(_) | None => Err(Corrupt),
    }
}

/// Reads a value that takes all of `bytes`.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Corrupt> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(Corrupt),
    }
}

/// Reads a value and leaves what follows it.
fn part<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Corrupt> {
    postcard::take_from_bytes(bytes).map_err(|_| Corrupt)
}

/// Returns whether a record is of a newer release's format, judged by its first byte.
pub fn is_newer(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|format| *format > SIGNED)
}

impl Grant {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = encode(self);
        if let Some(key) = self.signed_by {
            let mut extended = encode_after(bytes, &(self.repeated_root, key));
            extended[0] = SIGNED;
            return extended;
        }
        let Some(root) = self.repeated_root else { return bytes };
        let mut extended = encode_after(bytes, &root);
        extended[0] = EXTENDED;
        extended
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a grant's.
    pub fn from_bytes(id: GrantId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&format @ (EXTENDED | SIGNED), body)) = bytes.split_first() else {
            return decode(bytes).map(|grant| Self { id, ..grant });
        };
        let (grant, rest): (Self, _) = part(body)?;
        if format == SIGNED {
            let (repeated_root, key) = whole(rest)?;
            return Ok(Self { id, repeated_root, signed_by: Some(key), ..grant });
        }
        Ok(Self { id, repeated_root: Some(whole(rest)?), ..grant })
    }
}

impl Client {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = encode(self);
        let made_by: Vec<_> = self.secrets.iter().map(|secret| secret.made_by).collect();
        let delegated = self.permissions.delegated;
        let by_tokens = self.grant_types.jwt_bearer;
        let identified = by_tokens || !self.identities.is_empty() || !self.keys.is_empty();
        let parts = delegated != Delegated::default();
        let signed = (self.access_token_format, &self.jwt_attributes);
        let signs = signed != (AccessTokenFormat::Opaque, &JwtAttributes::default());
        if made_by.iter().all(Option::is_none) && !parts && !identified && !signs {
            return bytes;
        }
        let mut extended = encode_after(bytes, &made_by);
        extended[0] = EXTENDED;
        if parts || identified || signs {
            extended[0] = DELEGATED;
            extended = encode_after(extended, &delegated);
        }
        if identified || signs {
            extended[0] = IDENTIFIED;
            extended = encode_after(extended, &self.identities);
            extended = encode_after(extended, &self.keys);
        }
        if by_tokens || signs {
            extended[0] = LINKED;
            extended = encode_after(extended, &by_tokens);
        }
        if signs {
            extended[0] = SIGNED;
            extended = encode_after(extended, &signed);
        }
        extended
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a client's.
    pub fn from_bytes(id: ClientId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&format @ (EXTENDED | DELEGATED | IDENTIFIED | LINKED | SIGNED), body)) =
            bytes.split_first()
        else {
            return decode(bytes).map(|client| Self { id, ..client });
        };
        let (mut client, rest): (Self, _) = postcard::take_from_bytes(body).map_err(|_| Corrupt)?;
        let (made_by, rest): (Vec<Option<RotationMark>>, _) =
            postcard::take_from_bytes(rest).map_err(|_| Corrupt)?;
        let rest_fits = match format {
            IDENTIFIED | LINKED | SIGNED => {
                let (delegated, rest): (Delegated, _) = part(rest)?;
                let (identities, rest): (Vec<ClientIdentity>, _) = part(rest)?;
                let (keys, rest): (Vec<ClientKey>, _) = part(rest)?;
                let some = match format {
                    SIGNED => {
                        let (by_tokens, rest) = part(rest)?;
                        client.grant_types.jwt_bearer = by_tokens;
                        (client.access_token_format, client.jwt_attributes) = whole(rest)?;
                        client.access_token_format == AccessTokenFormat::Jwt
                            || !client.jwt_attributes.is_empty()
                    }
                    LINKED => {
                        client.grant_types.jwt_bearer = whole(rest)?;
                        client.grant_types.jwt_bearer
                    }
                    _ => rest.is_empty() && (!identities.is_empty() || !keys.is_empty()),
                };
                client.permissions.delegated = delegated;
                (client.identities, client.keys) = (identities, keys);
                some && (delegated == Delegated::default() || delegated.is_recorded())
            }
            DELEGATED => {
                client.permissions.delegated = whole(rest)?;
                client.permissions.delegated.is_recorded()
            }
            _ => rest.is_empty(),
        };
        if !rest_fits || made_by.len() != client.secrets.len() {
            return Err(Corrupt);
        }
        for (secret, made_by) in client.secrets.iter_mut().zip(made_by) {
            secret.made_by = made_by;
        }
        Ok(Self { id, ..client })
    }
}

impl User {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = encode(self);
        if self.identities.is_empty() && self.vouched.is_none() {
            return bytes;
        }
        let mut linked = encode_after(bytes, &self.identities);
        linked[0] = LINKED;
        encode_after(linked, &self.vouched)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a user's.
    pub fn from_bytes(id: UserId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&LINKED, body)) = bytes.split_first() else {
            return decode(bytes).map(|user| Self { id, ..user });
        };
        let (user, rest): (Self, _) = part(body)?;
        let (identities, rest): (Vec<UserIdentity>, _) = part(rest)?;
        let vouched: Option<Vouched> = whole(rest)?;
        let fits = vouched.as_ref().map_or(!identities.is_empty(), Vouched::is_recorded);
        if fits { Ok(Self { id, identities, vouched, ..user }) } else { Err(Corrupt) }
    }
}

impl Attempts {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = encode(self);
        if self.under_way == UnderWay::default() && self.of.is_none() {
            return bytes;
        }
        let mut extended = encode_after(bytes, &self.under_way);
        if let Some(of) = &self.of {
            extended = encode_after(extended, of);
        }
        extended[0] = EXTENDED;
        extended
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not such a record's.
    pub fn from_bytes(id: AttemptsId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&EXTENDED, body)) = bytes.split_first() else {
            return decode(bytes).map(|attempts| Self { id, ..attempts });
        };
        let (attempts, rest): (Self, _) = postcard::take_from_bytes(body).map_err(|_| Corrupt)?;
        let (under_way, rest) = postcard::take_from_bytes(rest).map_err(|_| Corrupt)?;
        let of = if rest.is_empty() { None } else { Some(whole(rest)?) };
        Ok(Self { id, under_way, of, ..attempts })
    }
}

impl UsedAssertion {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not such a record's.
    pub fn from_bytes(id: AssertionId, bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes).map(|used| Self { id, ..used })
    }
}

impl Change {
    /// The event's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads an event back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not an event's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Corrupt> {
        decode(bytes)
    }
}
