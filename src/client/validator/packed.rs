//! An answer in memory, as one piece.

use prost::Message as _;

use super::ended::Name;
use crate::{bearer::Claims, proto::v1::IntrospectResponse};

/// Number of bytes of a name.
const NAME: usize = size_of::<u32>();

/// The facts of an answer and the names whose revocation ends it: their number, the names, and the
/// protobuf encoding of the facts. As texts of their own the facts would take four times the room.
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs an answer that ends with any of `names`, of which there are at most 255.
    pub(super) fn of(names: &[Name], answer: &IntrospectResponse) -> Self {
        let mut bytes = Vec::with_capacity(1 + NAME * names.len() + answer.encoded_len());
        bytes.push(u8::try_from(names.len()).unwrap_or(u8::MAX));
        for name in names.iter().take(u8::MAX.into()) {
            bytes.extend(name.0.to_le_bytes());
        }
        answer.encode_raw(&mut bytes);
        Self(bytes.into_boxed_slice())
    }

    /// Returns the names.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        let (names, _) = self.parts();
        names.iter().map(|bytes| Name(u32::from_le_bytes(*bytes)))
    }

    /// Returns the claims. `None` never happens.
    pub(super) fn claims(&self) -> Option<Claims> {
        let (_, facts) = self.parts();
        IntrospectResponse::decode(facts).ok().map(Claims::from)
    }

    fn parts(&self) -> (&[[u8; NAME]], &[u8]) {
        let (count, rest) = self.0.split_first().unwrap_or((&0, &[]));
        let (names, facts) = rest.split_at(NAME * usize::from(*count));
        (names.as_chunks().0, facts)
    }
}

/// Returns the facts of an answer that become claims.
pub(super) fn facts(answer: IntrospectResponse) -> IntrospectResponse {
    IntrospectResponse {
        active: false,
        kind: 0,
        cache_ttl: None,
        inactive_reason: 0,
        feed_position: 0,
        ..answer
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    fn typical() -> IntrospectResponse {
        let time = |seconds| Some(Timestamp { seconds, nanos: 123_000_000 });
        IntrospectResponse {
            active: true,
            kind: 1,
            client_id: "storefront".into(),
            subject: "usr_5fQ0m1vS0c2J8xWz3kYbTn".into(),
            username: "alice@example.com".into(),
            scopes: vec!["read".into(), "write".into()],
            audience: vec!["billing".into()],
            issue_time: time(1_790_000_000),
            expire_time: time(1_790_003_600),
            grant_id: "0198c0de-1111-7222-8333-444455556666".into(),
            feed_position: 7,
            ..IntrospectResponse::default()
        }
    }

    #[test]
    fn names_and_claims_come_back_as_they_were() {
        let names = [Name(1), Name(u32::MAX), Name(7)];
        let attributes = [("tier".to_owned(), "gold".to_owned())].into();
        for answer in [typical(), IntrospectResponse { attributes, ..typical() }] {
            let packed = Packed::of(&names, &facts(answer.clone()));
            assert_eq!(packed.names().collect::<Vec<_>>(), names);
            assert_eq!(packed.claims(), Some(Claims::from(answer)));
        }
    }

    #[test]
    fn a_typical_answer_takes_few_bytes() {
        let packed = Packed::of(&[Name(1), Name(2), Name(3)], &facts(typical()));
        assert!(packed.0.len() <= 176, "{}", packed.0.len());
    }
}
