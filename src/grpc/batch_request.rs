//! A `BatchIntrospectRequest`, read without a text for each token: a batch would spend more time on
//! those than on looking its tokens up.

use prost::{
    DecodeError,
    bytes::Buf as _,
    encoding::{DecodeContext, WireType, check_wire_type, decode_key, decode_varint, skip_field},
};
use tonic::{
    Status,
    codec::{BufferSettings, DecodeBuf, Decoder},
};

use crate::domain::presented_token::TokenText;

/// A request is a token, an answer a few texts. tonic's own buffers are 8 KiB each, for every call.
const BUFFER_BYTES: usize = 512;
/// tonic's own: how much of a stream of answers is gathered before it is sent.
const YIELD_BYTES: usize = 32 << 10;

/// The buffers of introspection.
pub(super) fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// Most tokens in one `BatchIntrospect`.
pub(super) const MAX_BATCH: usize = 1_000;

/// Of `BatchIntrospectRequest`, as in `jeton/v1/token_service.proto`.
const TOKENS: u32 = 1;

/// The tokens, in order.
#[derive(Default)]
pub(super) struct BatchRequest {
    /// `None` for a text that is no token. Those beyond [`MAX_BATCH`] are only counted.
    pub(super) tokens: Vec<Option<TokenText>>,
    /// Number of sent tokens.
    pub(super) count: usize,
}

impl BatchRequest {
    /// Reads a message. Other fields are skipped, as every reader of protobuf does.
    fn read(mut message: &[u8]) -> Result<Self, Unreadable> {
        let mut read = Self::default();
        while !message.is_empty() {
            let (field, wire_type) = decode_key(&mut message)?;
            if field == TOKENS {
                check_wire_type(WireType::LengthDelimited, wire_type)?;
                read.add(text(&mut message)?);
            } else {
                skip_field(wire_type, field, &mut message, DecodeContext::default())?;
            }
        }
        Ok(read)
    }

    fn add(&mut self, text: &str) {
        if self.count < MAX_BATCH {
            self.tokens.push(TokenText::parse(text));
        }
        self.count += 1;
    }
}

/// Takes a text off the front.
fn text<'a>(message: &mut &'a [u8]) -> Result<&'a str, Unreadable> {
    let len = usize::try_from(decode_varint(message)?).map_err(|_| Unreadable)?;
    let (text, rest) = message.split_at_checked(len).ok_or(Unreadable)?;
    *message = rest;
    str::from_utf8(text).map_err(|_| Unreadable)
}

/// The bytes are no such message.
#[derive(Debug)]
struct Unreadable;

impl From<DecodeError> for Unreadable {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

impl From<Unreadable> for Status {
    /// INTERNAL is what tonic itself says of a message that cannot be read.
    fn from(_: Unreadable) -> Self {
        Self::internal("the message cannot be read")
    }
}

/// Reads batches off the wire.
pub(super) struct BatchDecoder;

impl Decoder for BatchDecoder {
    type Item = BatchRequest;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<BatchRequest>, Status> {
        let message = from.copy_to_bytes(from.remaining());
        Ok(Some(BatchRequest::read(&message)?))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{
        domain::{
            grant_id::GrantId,
            key_ring::ServerKey,
            token::{Token, TokenKind, TokenSecret},
        },
        proto::v1::BatchIntrospectRequest,
    };

    fn token(generation: u32) -> String {
        let secret = TokenSecret::from_bytes([2; 20]);
        let (key, id) = (ServerKey::new(&[7; 32]), GrantId::from_bytes([1; 16]));
        let token = Token::mint(TokenKind::Access, &key, id, generation, secret);
        token.to_text().expose().to_owned()
    }

    fn generations(read: &BatchRequest) -> Vec<Option<u32>> {
        let generation = |token: &Option<TokenText>| match token {
            Some(TokenText::Opaque(token)) => Some(token.generation),
            Some(TokenText::Jwt(_)) | None => None,
        };
        read.tokens.iter().map(generation).collect()
    }

    #[test]
    fn tokens_are_read_in_order_and_what_is_none_keeps_its_place() {
        let tokens = vec![token(3), "no token".to_owned(), String::new(), token(1)];
        let message = BatchIntrospectRequest { tokens }.encode_to_vec();
        let read = BatchRequest::read(&message).expect("a message");
        assert_eq!(generations(&read), [Some(3), None, None, Some(1)]);
        assert_eq!(read.count, 4);
    }

    #[test]
    fn tokens_beyond_the_limit_are_counted_and_not_kept() {
        let message = BatchIntrospectRequest { tokens: vec![String::new(); 5_000] }.encode_to_vec();
        let read = BatchRequest::read(&message).expect("a message");
        assert_eq!((read.tokens.len(), read.count), (MAX_BATCH, 5_000));
    }

    proptest! {
        /// For any bytes, prost and this reader agree on whether they are a message and on its
        /// content.
        #[test]
        fn prost_reads_the_same(
            texts in prop::collection::vec("[a-z]{0,200}", 0..4),
            cut in any::<prop::sample::Index>(),
            change in any::<(prop::sample::Index, u8)>(),
            noise in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut message = BatchIntrospectRequest { tokens: texts }.encode_to_vec();
            message.extend(&noise);
            let whole = message.clone();
            message.truncate(cut.index(message.len() + 1));
            if !message.is_empty() {
                let at = change.0.index(message.len());
                message[at] = change.1;
            }
            for bytes in [&whole, &message] {
                let expected = BatchIntrospectRequest::decode(bytes.as_slice());
                let read = BatchRequest::read(bytes);
                let (count, expected) =
                    (read.map(|read| read.count), expected.map(|expected| expected.tokens.len()));
                prop_assert_eq!(count.ok(), expected.ok());
            }
        }
    }
}
