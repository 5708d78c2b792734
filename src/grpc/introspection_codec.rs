//! The messages that answer introspection, written to the wire from the records themselves.
//!
//! A message of prost's would own a copy of each text of each record: for a batch that is most of
//! its time. Field numbers and defaults are those of `jeton/v1/token_service.proto`.

use std::marker::PhantomData;

use prost::{
    Message,
    bytes::BufMut,
    encoding::{bool, encode_varint, encoded_len_varint, int32, message},
};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::convert;
use crate::{
    domain::{grant_id::GrantId, liveness::InactiveReason, token::TokenKind},
    proto::v1,
    service::{ActiveToken, Introspection},
};

/// A request is a token, an answer a few texts. tonic's own buffers are 8 KiB each, for every call.
const BUFFER_BYTES: usize = 512;
/// tonic's own: how much of a stream of answers is gathered before it is sent.
const YIELD_BYTES: usize = 32 << 10;
/// Room for one result of a batch, to begin with.
const RESULT_BYTES: usize = 320;

mod field {
    pub(super) const ACTIVE: u32 = 1;
    pub(super) const KIND: u32 = 2;
    pub(super) const CLIENT_ID: u32 = 3;
    pub(super) const SUBJECT: u32 = 4;
    pub(super) const USERNAME: u32 = 5;
    pub(super) const SCOPES: u32 = 6;
    pub(super) const AUDIENCE: u32 = 7;
    pub(super) const ISSUE_TIME: u32 = 8;
    pub(super) const EXPIRE_TIME: u32 = 9;
    pub(super) const GRANT_ID: u32 = 10;
    pub(super) const ATTRIBUTES: u32 = 11;
    pub(super) const CACHE_TTL: u32 = 12;
    pub(super) const INACTIVE_REASON: u32 = 13;
    /// Of `BatchIntrospectResponse`.
    pub(super) const RESULTS: u32 = 1;
    /// Of an entry of a map.
    pub(super) const NAME: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}

/// An answer that is written and never read.
pub(super) trait Answer: Send + 'static {
    fn write(&self, to: &mut impl BufMut);
}

/// A `BatchIntrospectResponse`.
pub(super) struct Batch(Vec<u8>);

impl Batch {
    /// Writes it: the length of a result is known only when it is written.
    pub(super) fn of(results: &[Introspection]) -> Self {
        let mut written = Vec::with_capacity(results.len() * RESULT_BYTES);
        let mut result = Vec::with_capacity(RESULT_BYTES);
        for found in results {
            result.clear();
            found.write(&mut result);
            put_bytes(field::RESULTS, &result, &mut written);
        }
        Self(written)
    }
}

impl Answer for Batch {
    fn write(&self, to: &mut impl BufMut) {
        to.put_slice(&self.0);
    }
}

impl Answer for Introspection {
    fn write(&self, to: &mut impl BufMut) {
        match self {
            Self::Active(token) => write_active(token, to),
            Self::Inactive(reason) => write_inactive(*reason, to),
        }
    }
}

fn write_inactive(reason: Option<InactiveReason>, to: &mut impl BufMut) {
    if let Some(reason) = reason {
        int32::encode(field::INACTIVE_REASON, &convert::inactive(reason).into(), to);
    }
}

fn write_active(token: &ActiveToken, to: &mut impl BufMut) {
    let grant = token.grant();
    let kind = match token.kind {
        TokenKind::Access => v1::TokenKind::Access,
        TokenKind::Refresh => v1::TokenKind::Refresh,
    };
    bool::encode(field::ACTIVE, &true, to);
    int32::encode(field::KIND, &kind.into(), to);
    put_text(field::CLIENT_ID, grant.client_id.as_str(), to);
    put_text(field::SUBJECT, &grant.subject.text(&grant.client_id), to);
    if let Some(user) = token.user() {
        put_text(field::USERNAME, user.name.as_str(), to);
    }
    for scope in token.scopes().values() {
        put_text(field::SCOPES, scope, to);
    }
    for name in grant.audience.names() {
        put_text(field::AUDIENCE, name, to);
    }
    message::encode(field::ISSUE_TIME, &convert::timestamp(token.issue_time), to);
    message::encode(field::EXPIRE_TIME, &convert::timestamp(token.expire_time), to);
    put_text(field::GRANT_ID, grant.id.text(&mut [0; GrantId::TEXT_BYTES]), to);
    for (name, value) in token.attributes() {
        put_attribute(name, value, to);
    }
    message::encode(field::CACHE_TTL, &convert::duration(token.cache_ttl), to);
}

fn put_bytes(field: u32, bytes: &[u8], to: &mut impl BufMut) {
    put_head(field, bytes.len(), to);
    to.put_slice(bytes);
}

/// The key and the length of a field of bytes. Both mostly take one byte, written at once.
fn put_head(field: u32, len: usize, to: &mut impl BufMut) {
    /// Of fields that have a length.
    const WIRE_TYPE: u32 = 2;
    let key = field << 3 | WIRE_TYPE;
    if let (Ok(key @ ..0x80), Ok(len @ ..0x80)) = (u8::try_from(key), u8::try_from(len)) {
        to.put_slice(&[key, len]);
    } else {
        encode_varint(key.into(), to);
        encode_varint(len as u64, to);
    }
}

fn put_text(field: u32, text: &str, to: &mut impl BufMut) {
    put_bytes(field, text.as_bytes(), to);
}

/// An entry of a map is a message of two fields.
fn put_attribute(name: &str, value: &str, to: &mut impl BufMut) {
    put_head(field::ATTRIBUTES, text_len(name) + text_len(value), to);
    put_text(field::NAME, name, to);
    put_text(field::VALUE, value, to);
}

/// With its length and a key of one byte.
fn text_len(text: &str) -> usize {
    1 + encoded_len_varint(text.len() as u64) + text.len()
}

/// Reads requests as prost does, and writes answers by themselves.
pub(super) struct IntrospectionCodec<A, R>(PhantomData<(A, R)>);

impl<A, R> IntrospectionCodec<A, R> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: Answer, R: Message + Default + 'static> Codec for IntrospectionCodec<A, R> {
    type Encode = A;
    type Decode = R;
    type Encoder = AnswerEncoder<A>;
    type Decoder = ProstDecoder<R>;

    fn encoder(&mut self) -> AnswerEncoder<A> {
        AnswerEncoder(PhantomData)
    }

    fn decoder(&mut self) -> ProstDecoder<R> {
        ProstDecoder::new(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }
}

pub(super) struct AnswerEncoder<A>(PhantomData<A>);

impl<A: Answer> Encoder for AnswerEncoder<A> {
    type Item = A;
    type Error = Status;

    fn encode(&mut self, answer: A, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer.write(to);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}
