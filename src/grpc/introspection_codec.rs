//! The messages that answer introspection, written to the wire from the records themselves.
//!
//! A message of prost's would own a copy of each text of each record: for a batch that is most of
//! its time. Field numbers and defaults are those of `jeton/v1/token_service.proto`.

use std::marker::PhantomData;

use prost::{
    bytes::BufMut,
    encoding::{bool, encode_varint, encoded_len_varint, int32, int64, message, uint64},
};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, Decoder, EncodeBuf, Encoder},
};
use tonic_prost::ProstDecoder;

use super::{
    batch_request::{BatchDecoder, buffers},
    convert,
};
use crate::{
    domain::{liveness::InactiveReason, token::TokenKind},
    proto::v1,
    service::{ActiveToken, Introspection},
    store::Sequence,
};

/// Room for one result of a batch, to begin with.
const RESULT_BYTES: usize = 320;

mod field {
    /// Declares the numbers of the fields of `IntrospectResponse`, and all of them by their names.
    macro_rules! fields {
        ($($name:ident = $number:literal,)+) => {
            $(pub(super) const $name: u32 = $number;)+
            #[cfg(test)]
            pub(super) const ALL: &[(&str, u32)] = &[$((stringify!($name), $number),)+];
        };
    }

    fields! {
        ACTIVE = 1,
        KIND = 2,
        CLIENT_ID = 3,
        SUBJECT = 4,
        USERNAME = 5,
        SCOPES = 6,
        AUDIENCE = 7,
        ISSUE_TIME = 8,
        EXPIRE_TIME = 9,
        GRANT_ID = 10,
        ATTRIBUTES = 11,
        CACHE_TTL = 12,
        INACTIVE_REASON = 13,
        FEED_POSITION = 14,
        ANCESTORS = 15,
        ACTORS = 16,
        CNF = 17,
    }
    /// Of `BatchIntrospectResponse`.
    pub(super) const RESULTS: u32 = 1;
    /// Of `Timestamp` and `Duration`.
    pub(super) const SECONDS: u32 = 1;
    pub(super) const NANOS: u32 = 2;
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
    /// Writes it.
    pub(super) fn of(results: &[Introspection]) -> Self {
        let mut written = Vec::with_capacity(results.len() * RESULT_BYTES);
        for found in results {
            put_message(field::RESULTS, &mut written, |to| found.write(to));
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
    let time = convert::timestamp(token.issue_time);
    put_time(field::ISSUE_TIME, time.seconds, time.nanos, to);
    let time = convert::timestamp(token.expire_time);
    put_time(field::EXPIRE_TIME, time.seconds, time.nanos, to);
    put_bytes(field::GRANT_ID, &grant.id.text(), to);
    for (name, value) in token.attributes() {
        put_attribute(name, value, to);
    }
    let ttl = convert::duration(token.cache_ttl);
    put_time(field::CACHE_TTL, ttl.seconds, ttl.nanos, to);
    // As every other default, zero is left out.
    if token.position != Sequence::default() {
        uint64::encode(field::FEED_POSITION, &token.position.0, to);
    }
    if let Some(delegation) = &grant.delegation {
        for ancestor in convert::ancestors(Some(delegation)) {
            message::encode(field::ANCESTORS, &ancestor, to);
        }
        for actor in &delegation.actors {
            put_text(field::ACTORS, actor.as_str(), to);
        }
    }
    if let Some(confirmation) = token.confirmation() {
        message::encode(field::CNF, &convert::confirmation(confirmation), to);
    }
}

/// A message's length is known when it is written. Room for its head is left before it, which is mostly
/// what that takes.
fn put_message(field: u32, to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    const ROOM: usize = 3;
    let start = to.len();
    to.extend_from_slice(&[0; ROOM]);
    write(to);
    let len = to.len() - start - ROOM;
    if let (Some(key), Some([low, high])) = (one_byte(key(field)), two_bytes(len)) {
        to[start..start + ROOM].copy_from_slice(&[key, low, high]);
    } else {
        let mut head = Vec::new();
        put_head(field, len, &mut head);
        to.splice(start..start + ROOM, head);
    }
}

fn put_bytes(field: u32, bytes: &[u8], to: &mut impl BufMut) {
    put_head(field, bytes.len(), to);
    to.put_slice(bytes);
}

/// The key and the length of a field of bytes. Both mostly take one byte, written at once.
fn put_head(field: u32, len: usize, to: &mut impl BufMut) {
    let key = key(field);
    if let (Some(key), Some(len)) = (one_byte(key), one_byte(len)) {
        to.put_slice(&[key, len]);
    } else {
        encode_varint(key as u64, to);
        encode_varint(len as u64, to);
    }
}

/// The key of a field that has a length.
const fn key(field: u32) -> usize {
    const WIRE_TYPE: usize = 2;
    (field as usize) << 3 | WIRE_TYPE
}

/// A varint, if it takes one byte.
fn one_byte(value: usize) -> Option<u8> {
    u8::try_from(value).ok().filter(|value| *value < 0x80)
}

/// A varint, if it takes two bytes: seven bits in each, the lower ones first.
fn two_bytes(value: usize) -> Option<[u8; 2]> {
    let value = u16::try_from(value).ok().filter(|value| (0x80..0x4000).contains(value))?;
    Some((value & 0x7f | 0x80 | (value & !0x7f) << 1).to_le_bytes())
}

/// A `Timestamp` and a `Duration` are the same fields.
fn put_time(field: u32, seconds: i64, nanos: i32, to: &mut impl BufMut) {
    /// Of two keys and two varints of at most ten bytes.
    const MAX_BYTES: usize = 22;
    let mut time = [0; MAX_BYTES];
    let mut rest = time.as_mut_slice();
    if seconds != 0 {
        int64::encode(field::SECONDS, &seconds, &mut rest);
    }
    if nanos != 0 {
        int32::encode(field::NANOS, &nanos, &mut rest);
    }
    let len = MAX_BYTES - rest.len();
    put_bytes(field, &time[..len], to);
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

/// Reads requests by `D`, and writes answers by themselves.
pub(super) struct IntrospectionCodec<A, D> {
    decoder: fn() -> D,
    answer: PhantomData<A>,
}

impl<A, R> IntrospectionCodec<A, ProstDecoder<R>> {
    /// Reads requests as prost does.
    pub(super) fn of_messages() -> Self {
        Self { decoder: || ProstDecoder::new(buffers()), answer: PhantomData }
    }
}

impl<A> IntrospectionCodec<A, BatchDecoder> {
    /// Leaves the tokens of a batch where they lie.
    pub(super) fn of_batches() -> Self {
        Self { decoder: || BatchDecoder, answer: PhantomData }
    }
}

impl<A: Answer, D> Codec for IntrospectionCodec<A, D>
where
    D: Decoder<Error = Status> + Send + 'static,
    D::Item: Send + 'static,
{
    type Encode = A;
    type Decode = D::Item;
    type Encoder = AnswerEncoder<A>;
    type Decoder = D;

    fn encoder(&mut self) -> AnswerEncoder<A> {
        AnswerEncoder(PhantomData)
    }

    fn decoder(&mut self) -> D {
        (self.decoder)()
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
        buffers()
    }
}

#[cfg(test)]
mod tests {
    use prost::{Message as _, encoding::bytes};
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::proto::FILE_DESCRIPTOR_SET;

    /// Around each length from which on a varint takes a byte more.
    const LENGTHS: [usize; 8] = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000];

    #[test]
    fn fields_of_any_length_are_written_as_prost_writes_them() {
        for field in [1, 15, 16, 2_000] {
            for content in LENGTHS.map(|len| vec![7_u8; len]) {
                let (mut expected, mut whole, mut later) = (vec![1], vec![1], vec![1]);
                bytes::encode(field, &content, &mut expected);
                put_bytes(field, &content, &mut whole);
                put_message(field, &mut later, |to| to.extend_from_slice(&content));
                assert!(whole == expected, "{} bytes in field {field}", content.len());
                assert!(later == expected, "{} bytes in field {field}", content.len());
            }
        }
    }

    #[test]
    fn times_are_written_as_prost_writes_them() {
        for (seconds, nanos) in [(0, 0), (60, 0), (0, 1), (1_790_000_000, 999_999_999)] {
            let (mut expected, mut written) = (Vec::new(), Vec::new());
            let time = prost_types::Timestamp { seconds, nanos };
            message::encode(field::ISSUE_TIME, &time, &mut expected);
            put_time(field::ISSUE_TIME, seconds, nanos, &mut written);
            assert_eq!(written, expected);
        }
    }

    /// A number that nothing here writes does not compile.
    #[test]
    fn every_field_of_the_message_has_its_number_here() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the descriptors");
        let mut messages = set.file.iter().flat_map(|file| &file.message_type);
        let message = messages.find(|message| message.name() == "IntrospectResponse");
        let fields = message.expect("the message").field.iter();
        let mut fields: Vec<_> = fields
            .map(|field| {
                (field.name().to_uppercase(), u32::try_from(field.number()).expect("a number"))
            })
            .collect();
        fields.sort_by_key(|field| field.1);
        let written: Vec<_> =
            field::ALL.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        assert_eq!(written, fields);
    }
}
