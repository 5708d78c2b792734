//! Writes that were decided on states which may be outdated.

use super::samples::{NOW, client, grant, user};
use crate::{
    domain::{
        client::Client,
        grant::{EndCause, Grant},
        grant_id::GrantId,
        user::User,
    },
    store::{Premise, Record, Records, Store, Stored, Version, Write, WriteError},
};

/// Returns the state that a decision may begin with.
async fn presumed<R: Record>(records: &impl Records<R>, key: &R::Key) -> Option<Stored<R>> {
    match records.remembered(key) {
        Some(remembered) => Some(remembered),
        None => records.presumed(key).await.expect("a read"),
    }
}

async fn newest<R: Record>(records: &impl Records<R>, key: &R::Key) -> Option<Stored<R>> {
    records.get(key).await.expect("a read")
}

fn counted_up(grant: &Grant) -> Grant {
    let mut next = grant.clone();
    next.current.number += 1;
    next
}

/// A record that `writer` changes after `reader` has seen it.
async fn change<R: Record>(
    writer: &impl Records<R>,
    reader: &impl Records<R>,
    key: &R::Key,
    next: impl Fn(R) -> R,
) -> Option<Stored<R>> {
    let seen = newest(reader, key).await.expect("the record");
    let replace = Write::Replace(seen.version(), next((*seen).clone()));
    writer.write(replace).await.expect("a change");
    presumed(reader, key).await
}

/// Insists that a replacement of the grant succeeds on newest premises and is a conflict on others, and
/// that it succeeds in the end.
async fn replaced_only_on_the_newest<R: Record>(
    store: &impl Store,
    records: &impl Records<R>,
    presumed: Option<Stored<R>>,
    key: &R::Key,
    premise: impl Fn(&Stored<R>) -> Premise,
) {
    let id = grant(80).id;
    let grants = store.grants();
    let held = newest(grants, &id).await.expect("the grant");
    let now = newest(records, key).await;
    let version = |found: &Option<Stored<R>>| found.as_ref().map(Stored::version);
    if let Some(state) = &presumed {
        let next = counted_up(&held);
        let written = grants.replace_if(held.version(), next, &[premise(state)]).await;
        if version(&presumed) == version(&now) {
            written.expect("the premise holds");
        } else {
            assert_eq!(written, Err(WriteError::Conflict), "on an outdated {state:?}");
            let after = newest(grants, &id).await.expect("the grant");
            assert_eq!(after.version(), held.version(), "nothing was written");
        }
    }
    let held = newest(grants, &id).await.expect("the grant");
    let premises: Vec<Premise> = now.iter().map(premise).collect();
    let written = grants.replace_if(held.version(), counted_up(&held), &premises).await;
    let after = newest(grants, &id).await.expect("the grant");
    assert_eq!(written, Ok(after.version()));
    assert_eq!(after.current.number, held.current.number + 1);
}

/// `writer` and `reader` are openings of one store, or the same.
pub(crate) async fn what_was_decided_on_an_outdated_state_is_not_written<S: Store>(
    writer: &S,
    reader: &S,
) {
    reader.grants().write(Write::Insert(grant(80))).await.expect("a grant");
    let id = grant(80).id;
    let of_origin = Grant { id: GrantId::from_bytes([81; 16]), ..grant(80) };
    reader.grants().write(Write::Insert(of_origin.clone())).await.expect("an origin");
    reader.clients().write(Write::Insert(client(80))).await.expect("a client");
    reader.users().write(Write::Insert(user(80))).await.expect("a user");

    // The grant itself.
    let next = |grant: Grant| counted_up(&grant);
    let seen = change(writer.grants(), reader.grants(), &id, next).await.expect("the grant");
    let now = newest(writer.grants(), &id).await.expect("the grant");
    let written = reader.grants().replace_if(seen.version(), counted_up(&seen), &[]).await;
    let expected = seen.version() == now.version();
    assert_eq!(written.is_ok(), expected, "{written:?} on {seen:?}");
    let after = newest(reader.grants(), &id).await.expect("the grant");
    assert_eq!(after.current.number, now.current.number + u32::from(expected));

    // Others, which are changed and deleted without the grant.
    let disabled = |client: Client| Client { disabled: true, ..client };
    let key = client(80).id;
    let seen = change(writer.clients(), reader.clients(), &key, disabled).await;
    let of_client = |client: &Stored<Client>| Premise::from(client);
    replaced_only_on_the_newest(reader, reader.clients(), seen, &key, of_client).await;
    let last = newest(reader.clients(), &key).await.expect("the client");
    let delete = Write::Delete(last.version(), key.clone());
    writer.clients().write(delete).await.expect("a delete");
    let seen = presumed(reader.clients(), &key).await;
    replaced_only_on_the_newest(reader, reader.clients(), seen, &key, of_client).await;

    let key = user(80).id;
    let renewed = |user: User| User { disabled: true, ..user };
    let seen = change(writer.users(), reader.users(), &key, renewed).await;
    replaced_only_on_the_newest(reader, reader.users(), seen, &key, |user| user.into()).await;

    // A rotation is no event.
    let seen = change(writer.grants(), reader.grants(), &of_origin.id, next).await;
    let of_grant = |grant: &Stored<Grant>| Premise::from(grant);
    replaced_only_on_the_newest(reader, reader.grants(), seen, &of_origin.id, of_grant).await;
}

/// An event is one of the write that happens, and of no other.
pub(crate) async fn a_replacement_on_premises_is_an_event_if_it_happens(store: &impl Store) {
    let before = store.head().await.expect("the head");
    let id = GrantId::from_bytes([82; 16]);
    let version = store.grants().write(Write::Insert(Grant { id, ..grant(82) })).await;
    let version = version.expect("a grant");
    let ended = Grant { id, ..grant(82) }.ended(EndCause::Replayed, NOW);
    let premise = newest(store.users(), &user(80).id).await.expect("the user");
    let another = Version::from_u64(u64::MAX >> 1);
    let written = store.grants().replace_if(another, ended.clone(), &[(&premise).into()]).await;
    assert_eq!(written, Err(WriteError::Conflict));
    assert_eq!(store.head().await, Ok(before));
    store.grants().replace_if(version, ended, &[(&premise).into()]).await.expect("the end");
    assert_eq!(store.head().await.expect("the head").0, before.0 + 1);
}

/// Memory serves readers no state of an own write that another process has overtaken.
pub(crate) async fn an_own_write_is_not_served_after_another_one<S: Store>(writer: &S, reader: &S) {
    let id = GrantId::from_bytes([83; 16]);
    let version = reader.grants().write(Write::Insert(Grant { id, ..grant(83) })).await;
    let next = counted_up(&Grant { id, ..grant(83) });
    let replace = Write::Replace(version.expect("a grant"), next);
    writer.grants().write(replace).await.expect("a rotation");
    let served = reader.grants().cached(&id).map(|grant| grant.current.number);
    assert!(served.is_none_or(|number| number == grant(83).current.number + 1), "{served:?}");
}
