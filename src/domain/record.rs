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
    delegation::Delegates,
    grant::{Bindings, Grant},
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
/// Of grants, format 6, also without a signing key, followed by the grants that it came of by token exchange
/// and the holders of what came of it. Of clients, format 6, also with opaque tokens, followed by the grant
/// type of token exchange, the services that it may exchange for and the clients that may exchange its
/// tokens: an older release must not take either for one without.
const EXCHANGED: u8 = 7;
/// Of grants, format 7, also of one that came of none and that none came of, followed by the holders of its
/// tokens. Of clients, format 7, also without these, followed by what its tokens are bound to: an older release
/// would give such tokens to everybody.
const BOUND: u8 = 8;

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

/// Reads a value, and moves `rest` behind it.
fn next<T: DeserializeOwned>(rest: &mut &[u8]) -> Result<T, Corrupt> {
    let (value, behind) = part(rest)?;
    *rest = behind;
    Ok(value)
}

/// Returns whether a record is of a newer release's format, judged by its first byte.
pub fn is_newer(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|format| *format > BOUND)
}

impl Grant {
    /// The record's bytes, without its id, which is its key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = encode(self);
        if !self.bindings.is_empty() {
            let behind = (&self.repeated_root, &self.signed_by, &self.delegation, self.delegates());
            let bindings = (self.bindings.current(), self.bindings.previous());
            let mut extended = encode_after(encode_after(bytes, &behind), &bindings);
            extended[0] = BOUND;
            return extended;
        }
        if self.delegation.is_some() || !self.delegates().is_empty() {
            let behind = (&self.repeated_root, &self.signed_by, &self.delegation, self.delegates());
            let mut extended = encode_after(bytes, &behind);
            extended[0] = EXCHANGED;
            return extended;
        }
        if let Some(key) = &self.signed_by {
            let mut extended = encode_after(bytes, &(&self.repeated_root, key));
            extended[0] = SIGNED;
            return extended;
        }
        let Some(root) = &self.repeated_root else { return bytes };
        let mut extended = encode_after(bytes, root);
        extended[0] = EXTENDED;
        extended
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a grant's.
    pub fn from_bytes(id: GrantId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&format @ (EXTENDED | SIGNED | EXCHANGED | BOUND), body)) = bytes.split_first()
        else {
            return decode(bytes).map(|grant| Self { id, ..grant });
        };
        let (grant, rest): (Self, _) = part(body)?;
        if format == SIGNED {
            let (repeated_root, key) = whole(rest)?;
            return Ok(Self { id, repeated_root, signed_by: Some(key), ..grant });
        }
        if format == BOUND {
            let ((repeated_root, signed_by, delegation, delegates), (current, previous)) =
                whole(rest)?;
            let (delegates, bindings) =
                (Delegates::kept(delegates), Bindings::new(current, previous));
            let grant =
                Self { id, repeated_root, signed_by, delegation, delegates, bindings, ..grant };
            return if grant.bindings.is_empty() { Err(Corrupt) } else { Ok(grant) };
        }
        if format == EXCHANGED {
            let (repeated_root, signed_by, delegation, delegates) = whole(rest)?;
            let delegates = Delegates::kept(delegates);
            let grant = Self { id, repeated_root, signed_by, delegation, delegates, ..grant };
            let is_plain = grant.delegation.is_none() && grant.delegates.is_none();
            return if is_plain { Err(Corrupt) } else { Ok(grant) };
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
        let signed = (self.access_token_format, &self.jwt_attributes);
        let exchanges = self.grant_types.token_exchange;
        let format = if self.bound_to.is_some() {
            BOUND
        } else if exchanges || !self.may_exchange_to.is_empty() || !self.may_act.is_empty() {
            EXCHANGED
        } else if signed != (AccessTokenFormat::Opaque, &JwtAttributes::default()) {
            SIGNED
        } else if by_tokens {
            LINKED
        } else if !self.identities.is_empty() || !self.keys.is_empty() {
            IDENTIFIED
        } else if delegated != Delegated::default() {
            DELEGATED
        } else if made_by.iter().any(Option::is_some) {
            EXTENDED
        } else {
            return bytes;
        };
        let mut extended = encode_after(bytes, &made_by);
        extended[0] = format;
        if format >= DELEGATED {
            extended = encode_after(extended, &delegated);
        }
        if format >= IDENTIFIED {
            extended = encode_after(extended, &self.identities);
            extended = encode_after(extended, &self.keys);
        }
        if format >= LINKED {
            extended = encode_after(extended, &by_tokens);
        }
        if format >= SIGNED {
            extended = encode_after(extended, &signed);
        }
        if format >= EXCHANGED {
            let exchange = (exchanges, &self.may_exchange_to, &self.may_act);
            extended = encode_after(extended, &exchange);
        }
        if format >= BOUND {
            extended = encode_after(extended, &self.bound_to);
        }
        extended
    }

    /// Reads the record stored under `id`.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are not a client's.
    pub fn from_bytes(id: ClientId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let Some((&format @ EXTENDED..=BOUND, body)) = bytes.split_first() else {
            return decode(bytes).map(|client| Self { id, ..client });
        };
        let (mut client, rest): (Self, _) = part(body)?;
        let (made_by, mut rest): (Vec<Option<RotationMark>>, _) = part(rest)?;
        // The last part is never empty: each state of a client has one form.
        let mut fits = made_by.len() == client.secrets.len();
        if format >= DELEGATED {
            let delegated: Delegated = next(&mut rest)?;
            let none = format > DELEGATED && delegated == Delegated::default();
            fits &= none || delegated.is_recorded();
            client.permissions.delegated = delegated;
        }
        if format >= IDENTIFIED {
            (client.identities, client.keys) = next(&mut rest)?;
            let some = !client.identities.is_empty() || !client.keys.is_empty();
            fits &= format > IDENTIFIED || some;
        }
        if format >= LINKED {
            client.grant_types.jwt_bearer = next(&mut rest)?;
            fits &= format > LINKED || client.grant_types.jwt_bearer;
        }
        if format >= SIGNED {
            (client.access_token_format, client.jwt_attributes) = next(&mut rest)?;
            let signed = client.access_token_format == AccessTokenFormat::Jwt;
            fits &= format > SIGNED || signed || !client.jwt_attributes.is_empty();
        }
        if format >= EXCHANGED {
            let exchanges;
            (exchanges, client.may_exchange_to, client.may_act) = next(&mut rest)?;
            client.grant_types.token_exchange = exchanges;
            let some =
                exchanges || !client.may_exchange_to.is_empty() || !client.may_act.is_empty();
            fits &= format > EXCHANGED || some;
        }
        if format >= BOUND {
            client.bound_to = next(&mut rest)?;
            fits &= client.bound_to.is_some();
        }
        if !fits || !rest.is_empty() {
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
