//! Server keys: what makes a token ours and derives a refreshed secret from the presented one.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroize as _;

use super::{
    field_hash::hash_field,
    grant_id::GrantId,
    token_parts::{Tag, TokenKind, TokenSecret},
};

/// Bytes of a server key.
pub const KEY_BYTES: usize = 32;

/// Names a key: a fingerprint of it, so that a key is known by its content wherever it lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// An id from its stored or transmitted bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The bytes that are stored and transmitted.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// Reads eight hexadecimal digits; `None` when it is not an id.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = plain.then(|| u32::from_str_radix(text, 16).ok())??;
        Some(Self(value.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 128 random bits that separate one rotation from every other; only the current one is kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A salt from random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// One server key. It lives outside the store and never crosses the wire.
#[derive(Clone)]
pub struct ServerKey {
    id: KeyId,
    /// HMAC-SHA-256 with the key already absorbed: cloning it saves two compressions a call.
    mac: Hmac<Sha256>,
}

impl ServerKey {
    /// A key from its bytes.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        // A key is always as long as HMAC asks: `new` takes a whole block, padded with zeros.
        let mut block = [0; 64];
        block[..KEY_BYTES].copy_from_slice(bytes);
        let mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        let mut fingerprint = mac.clone();
        hash_field(&mut fingerprint, b"id");
        let digest: [u8; 32] = fingerprint.finalize().into_bytes().into();
        let mut id = [0; 4];
        id.copy_from_slice(&digest[..4]);
        Self { id: KeyId(id), mac }
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret that `generation` of a grant gets when `parent`, the refresh secret of the
    /// generation before, is presented: the same inputs give the same secret again.
    pub fn derive(
        &self,
        kind: TokenKind,
        grant_id: GrantId,
        generation: u32,
        salt: &Salt,
        parent: &TokenSecret,
    ) -> TokenSecret {
        let mut mac = self.begin(b"next", kind, grant_id, generation);
        hash_field(&mut mac, &salt.0);
        hash_field(&mut mac, parent.as_bytes());
        TokenSecret::from_bytes(truncate(mac))
    }

    /// The tag of a token: shows that this key's holder made it once.
    pub fn tag(
        &self,
        kind: TokenKind,
        grant_id: GrantId,
        generation: u32,
        secret: &TokenSecret,
    ) -> Tag {
        let mut mac = self.begin(b"tag", kind, grant_id, generation);
        hash_field(&mut mac, secret.as_bytes());
        Tag::from_bytes(truncate(mac))
    }

    fn begin(&self, purpose: &[u8], kind: TokenKind, id: GrantId, generation: u32) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        hash_field(&mut mac, purpose);
        hash_field(&mut mac, kind.name().as_bytes());
        hash_field(&mut mac, id.as_bytes());
        hash_field(&mut mac, &generation.to_be_bytes());
        mac
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({})", self.id)
    }
}

fn truncate<const N: usize>(mac: Hmac<Sha256>) -> [u8; N] {
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let mut kept = [0; N];
    kept.copy_from_slice(&digest[..N]);
    kept
}

/// Every key that something live may name, and the one that new generations use.
#[derive(Clone, Debug)]
pub struct KeyRing {
    active: Arc<ServerKey>,
    others: Vec<Arc<ServerKey>>,
}

impl KeyRing {
    /// A ring whose new tokens use `active`; `others` still verify and repeat.
    pub fn new(active: ServerKey, others: impl IntoIterator<Item = ServerKey>) -> Self {
        let others = others.into_iter().filter(|key| key.id != active.id).map(Arc::new).collect();
        Self { active: Arc::new(active), others }
    }

    /// The key that new generations use.
    pub fn active(&self) -> &ServerKey {
        &self.active
    }

    /// The key of that name, if the ring holds it.
    pub fn get(&self, id: KeyId) -> Option<&ServerKey> {
        if self.active.id == id {
            return Some(&self.active);
        }
        self.others.iter().find(|key| key.id == id).map(AsRef::as_ref)
    }

    /// The names of all keys, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(self.active.id).chain(self.others.iter().map(|key| key.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> ServerKey {
        ServerKey::new(&[byte; KEY_BYTES])
    }

    /// A changed derivation would turn every retry in flight at an upgrade into a replay.
    #[test]
    fn derivation_and_tag_are_fixed() {
        let key = key(7);
        let id = GrantId::from_bytes([1; 16]);
        let parent = TokenSecret::from_bytes([2; 20]);
        let next = key.derive(TokenKind::Refresh, id, 3, &Salt([4; 16]), &parent);
        let tag = key.tag(TokenKind::Refresh, id, 3, &next);
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        assert_eq!(key.id().to_string(), "613771bb");
        assert_eq!(hex(next.as_bytes()), "c347228c328d81dc67e392b9ad324e880fd2d226");
        assert_eq!(hex(tag.as_bytes()), "f89fce08f2122d82e690ea59");
    }

    #[test]
    fn every_input_changes_what_is_derived() {
        let (id, salt) = (GrantId::from_bytes([1; 16]), Salt([4; 16]));
        let parent = TokenSecret::from_bytes([2; 20]);
        let base = key(7).derive(TokenKind::Refresh, id, 3, &salt, &parent);
        let other_id = GrantId::from_bytes([9; 16]);
        let other_parent = TokenSecret::from_bytes([9; 20]);
        for other in [
            key(8).derive(TokenKind::Refresh, id, 3, &salt, &parent),
            key(7).derive(TokenKind::Access, id, 3, &salt, &parent),
            key(7).derive(TokenKind::Refresh, other_id, 3, &salt, &parent),
            key(7).derive(TokenKind::Refresh, id, 4, &salt, &parent),
            key(7).derive(TokenKind::Refresh, id, 3, &Salt([5; 16]), &parent),
            key(7).derive(TokenKind::Refresh, id, 3, &salt, &other_parent),
        ] {
            assert_ne!(base.as_bytes(), other.as_bytes());
        }
    }

    #[test]
    fn a_key_id_reads_back_from_its_text() {
        let id = key(7).id();
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
        for text in ["", "123", "+1234567", "zzzzzzzz", "123456789"] {
            assert_eq!(KeyId::parse(text), None, "{text}");
        }
    }
}
