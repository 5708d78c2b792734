//! Token text: which grant and generation it names, its secret, and the proof that we made it.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

pub use super::token_parts::{TokenKind, TokenSecret};
use super::{
    base62,
    digest::Digest,
    grant_id::GrantId,
    key_ring::{KeyId, ServerKey},
    secret::Secret,
    token_parts::{PREFIX_CHARS, SECRET_BYTES, TAG_BYTES, Tag},
};

/// `key_id` ‖ `grant_id` ‖ generation ‖ secret ‖ tag.
const PAYLOAD_BYTES: usize = 4 + 16 + 4 + SECRET_BYTES + TAG_BYTES;

/// Characters of every token text.
pub const TOKEN_CHARS: usize = PREFIX_CHARS + base62::text_len(PAYLOAD_BYTES);

/// SHA-256 of everything in a token that its grant and generation do not already say; all that
/// the store ever holds of it.
///
/// It covers key id and tag beside the secret, so that a live token has exactly one text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash(Digest);

impl TokenHash {
    /// Returns bytes that name the token in public: the hash cannot be found from them.
    pub(super) fn public_name<const N: usize>(&self) -> [u8; N] {
        self.0.public_name(b"jeton jwt id")
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A token, taken apart. That it parsed says nothing yet about whether it was ever made.
#[derive(Clone)]
pub struct Token {
    /// Access or refresh.
    pub kind: TokenKind,
    /// The key that tagged it.
    pub key_id: KeyId,
    /// The grant it belongs to.
    pub grant_id: GrantId,
    /// Number of the grant's rotations before this token.
    pub generation: u32,
    /// Secret part of the token.
    pub secret: TokenSecret,
    tag: Tag,
}

impl Token {
    /// Makes a token and tags it.
    pub fn mint(
        kind: TokenKind,
        key: &ServerKey,
        grant_id: GrantId,
        generation: u32,
        secret: TokenSecret,
    ) -> Self {
        let tag = key.tag(kind, grant_id, generation, &secret);
        Self { kind, key_id: key.id(), grant_id, generation, secret, tag }
    }

    /// Takes token text apart. `None` when prefix, length or alphabet is not a token's; a text
    /// that parses is the one text of what it says.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, body) = text.as_bytes().split_first_chunk()?;
        let kind = TokenKind::of_prefix(*prefix)?;
        let payload: [u8; PAYLOAD_BYTES] = base62::decode(body)?;
        let (key_id, rest) = payload.split_first_chunk()?;
        let (grant_id, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let (tag, _) = rest.split_first_chunk()?;
        Some(Self {
            kind,
            key_id: KeyId::from_bytes(*key_id),
            grant_id: GrantId::from_bytes(*grant_id),
            generation: u32::from_be_bytes(*generation),
            secret: TokenSecret::from_bytes(*secret),
            tag: Tag::from_bytes(*tag),
        })
    }

    /// The token's text: prefix, letters and digits.
    pub fn to_text(&self) -> Secret {
        let mut payload = [0; PAYLOAD_BYTES];
        let fields: [&[u8]; 5] = [
            self.key_id.as_bytes(),
            self.grant_id.as_bytes(),
            &self.generation.to_be_bytes(),
            self.secret.as_bytes(),
            self.tag.as_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            payload[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        let mut text = String::with_capacity(TOKEN_CHARS);
        text.push_str(self.kind.prefix());
        base62::encode_into(&payload, &mut text);
        payload.zeroize();
        Secret::new(text)
    }

    /// Returns the hash that the store keeps.
    pub fn hash(&self) -> TokenHash {
        let secrets =
            [self.key_id.as_bytes().as_slice(), self.secret.as_bytes(), self.tag.as_bytes()];
        TokenHash(Digest::of(&secrets))
    }

    /// Returns whether this token was made with `key`, regardless of its present state. A key of
    /// another id never matches.
    pub fn is_genuine(&self, key: &ServerKey) -> bool {
        let tag = key.tag(self.kind, self.grant_id, self.generation, &self.secret);
        key.id() == self.key_id && bool::from(tag.as_bytes().ct_eq(self.tag.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?} {} generation {})", self.kind, self.grant_id, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(kind: TokenKind) -> Token {
        let key = ServerKey::new(&[7; 32]);
        Token::mint(kind, &key, GrantId::from_bytes([1; 16]), 3, TokenSecret::from_bytes([2; 20]))
    }

    #[test]
    fn the_text_is_short_plain_and_fixed() {
        let text = token(TokenKind::Access).to_text();
        assert_eq!(
            text.expose(),
            "jat_8LTr9VnTwP305LJlJD9WPB05LJlJC0qln0AgdWcQJ2oM0AgdWcQJ2oM0AgdWg4vdWDCKtcL2rxyMw"
        );
        assert_eq!(text.expose().len(), TOKEN_CHARS);
        const { assert!(TOKEN_CHARS <= 100) }
    }

    #[test]
    fn text_reads_back_as_the_same_token() {
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            let made = token(kind);
            let read = Token::parse(made.to_text().expose()).expect("a token");
            assert_eq!(read.kind, kind);
            assert_eq!(read.hash(), made.hash());
            assert!(read.is_genuine(&ServerKey::new(&[7; 32])));
            assert!(!read.is_genuine(&ServerKey::new(&[8; 32])));
        }
    }

    #[test]
    fn an_access_token_renamed_refresh_is_not_genuine() {
        let text = token(TokenKind::Access).to_text().expose().replace("jat_", "jrt_");
        let renamed = Token::parse(&text).expect("it still parses");
        assert!(!renamed.is_genuine(&ServerKey::new(&[7; 32])));
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        let token = token(TokenKind::Access);
        let shown = format!("{token:?} {:?} {:?}", token.secret, token.to_text());
        assert!(!shown.contains(&token.to_text().expose()[4..]));
        assert!(!shown.contains("2, 2"));
    }

    proptest! {
        #[test]
        fn any_other_character_makes_another_token(at in 0..TOKEN_CHARS, with in "[ -~]") {
            let made = token(TokenKind::Refresh);
            let mut text = made.to_text().expose().to_owned();
            prop_assume!(text[at..=at] != with);
            text.replace_range(at..=at, &with);
            if let Some(read) = Token::parse(&text) {
                prop_assert!(read.to_text() == Secret::new(text.as_str()));
                let same_place = read.grant_id == made.grant_id
                    && read.generation == made.generation
                    && read.kind == made.kind;
                prop_assert!(!same_place || read.hash() != made.hash());
                prop_assert!(!read.is_genuine(&ServerKey::new(&[7; 32])));
            }
        }

        #[test]
        fn whatever_parses_has_one_text(text in "(jat_|jrt_|jcs_)?[0-9A-Za-z]{70,80}") {
            if let Some(token) = Token::parse(&text) {
                prop_assert!(token.to_text() == Secret::new(text.as_str()));
            }
        }
    }
}
