//! Everything that the settings declare, brought into the store in as few syncs as it can.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{
    super::{SystemEntropy, progress::Progress},
    declare_error::{DeclareError, refused},
    field::Typed,
    list,
    merging::Merging,
    removed::{Declarable, removed},
    seal::{self, Clear},
};
use crate::{
    config::{Settings, Undeclared},
    domain::{
        client::Client, grant_type::GrantType, signing_times::JwtLife, time::Timestamp, user::User,
    },
    service::{HashPool, reset_failures},
    store::{
        Engine, ReadError, Record, Records, Store, Stored, Write, WriteError,
        bulk::{AT_ONCE, do_all},
    },
};

/// Most attempts to apply the declarations while other instances apply theirs.
const ATTEMPTS: usize = 16;

/// Brings every declared client and user into the store, and disables those that were declared before, if
/// the settings do not keep them. Instances that start together may write the same records: the one that
/// loses a race reads again.
///
/// # Errors
/// See [`DeclareError`].
pub(in crate::app) async fn declare(
    settings: &Settings,
    store: &Engine,
    hashes: &HashPool,
    now: Timestamp,
) -> Result<(), DeclareError> {
    let round = Round { settings, store, hashes, now };
    for _ in 1..ATTEMPTS {
        match round.run().await {
            Err(DeclareError::Write(WriteError::Conflict)) => {}
            declared => return declared,
        }
    }
    round.run().await
}

/// One attempt.
struct Round<'a> {
    settings: &'a Settings,
    store: &'a Engine,
    hashes: &'a HashPool,
    now: Timestamp,
}

impl Round<'_> {
    async fn run(&self) -> Result<(), DeclareError> {
        let clients = self.clients().await?;
        let users = self.users().await?;
        let gone_clients = self.removed(self.store.clients(), &clients).await?;
        let gone_users = self.removed(self.store.users(), &users).await?;
        let clients = changes(clients).chain(changes(gone_clients));
        write_all(self.store.clients(), clients, "writing declared clients").await?;
        // Before the users are written: a start that is cut short does it again.
        let anew = users.iter().filter(|user| begins_anew(user)).map(|user| &user.record.name);
        let forget = async |name| reset_failures(self.store, name, None).await.map(drop);
        do_all(anew, forget, || ()).await?;
        let users = changes(users).chain(changes(gone_users));
        write_all(self.store.users(), users, "writing declared users").await?;
        if self.settings.store.url.is_none()
            && let Err(error) = list::put(&self.settings.store.path, self.settings)
        {
            tracing::warn!(%error, "the list of what is declared was not written: jeton check cannot read it");
        }
        Ok(())
    }

    const fn merging(&self) -> Merging<'_> {
        Merging { settings: self.settings, hashes: self.hashes, now: self.now }
    }

    async fn clients(&self) -> Result<Vec<Merged<Client>>, DeclareError> {
        let declared = &self.settings.clients;
        let ids: Vec<_> = declared.iter().map(|declaration| declaration.id.clone()).collect();
        let mut existing = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            for found in self.store.clients().get_many(ids).await {
                existing.push(found?);
            }
        }
        let merging = self.merging();
        let clear = merging.clear_of_clients();
        let typed = merging.typed(&clear, &existing).await?;
        let clients: Vec<_> = merging.clients(&existing, typed).try_collect().await?;
        for client in &clients {
            look_at(client, self.settings);
        }
        self.sealed(&clear, typed, existing, clients).await
    }

    async fn users(&self) -> Result<Vec<Merged<User>>, DeclareError> {
        let declared = &self.settings.users;
        let (mut existing, mut progress) = (Vec::new(), Progress::of("reading declared users"));
        let reads = declared.iter().map(async |declaration| {
            let mut found = None;
            for name in declaration.typed_name.readings() {
                found = found.or(self.store.user_by_name(name).await?);
            }
            Ok::<_, ReadError>(found)
        });
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some(found) = reads.try_next().await? {
            existing.push(found);
            progress.step(declared.len());
        }
        let merging = self.merging();
        let clear = merging.clear_of_users();
        let typed = merging.typed(&clear, &existing).await?;
        let users = merging.users(&existing, typed).try_collect().await?;
        self.sealed(&clear, typed, existing, users).await
    }

    async fn sealed<R: Declarable>(
        &self,
        clear: &[Clear<'_>],
        typed: Typed<'_>,
        existing: Vec<Option<Stored<R>>>,
        mut records: Vec<R>,
    ) -> Result<Vec<Merged<R>>, DeclareError> {
        if !typed.unchanged {
            let put = seal::put(clear, &mut records, self.hashes).await;
            put.map_err(|error| refused("secrets", "in clear", error))?;
        }
        let merged = existing.into_iter().zip(records);
        Ok(merged.map(|(existing, record)| Merged { existing, record }).collect())
    }

    /// Returns the new state of records that are declared no more.
    async fn removed<R: Declarable>(
        &self,
        records: &impl Records<R>,
        declared: &[Merged<R>],
    ) -> Result<Vec<Merged<R>>, DeclareError> {
        let declared: BTreeSet<_> = declared.iter().map(|merged| merged.record.key()).collect();
        let mut gone = Vec::new();
        for found in removed(records, &declared).await? {
            let what = found.title();
            if self.settings.serve.undeclared == Undeclared::Keep {
                tracing::warn!(
                    "the {what} is declared no more: it stays as it is (serve.undeclared)"
                );
                continue;
            }
            if found.is_disabled() {
                tracing::info!("the {what} is declared no more, and was disabled before");
            } else {
                tracing::warn!(
                    "the {what} is declared no more: it is disabled and its grants are ended \
                     (serve.undeclared)"
                );
            }
            let record = found.left_out(&SystemEntropy, self.now);
            gone.push(Merged { existing: Some(found), record });
        }
        Ok(gone)
    }
}

/// A stored record, and its replacement.
struct Merged<R: Record> {
    existing: Option<Stored<R>>,
    record: R,
}

/// Returns whether the user's earlier failed logins are dropped: as after a password that an
/// administrator sets, and after enabling.
fn begins_anew(user: &Merged<User>) -> bool {
    let Merged { existing, record } = user;
    existing.as_ref().is_none_or(|before| {
        before.password != record.password || (before.disabled && !record.disabled)
    })
}

/// Warns of settings that a start accepts and that are rarely meant, except for the clients of a
/// first look.
fn look_at(client: &Client, settings: &Settings) {
    if client.grant_types.contains(GrantType::Password) && !settings.first_look {
        tracing::warn!(
            client_id = %client.id,
            "the client may use the password grant, which RFC 9700 §2.4 forbids"
        );
    }
    if let Err(error) = client.check(client, JwtLife(settings.keys.max_jwt_ttl)) {
        tracing::warn!(
            client_id = %client.id,
            "the client's stored record breaks a rule: edits are refused until one mends it, save \
             disabling it: {error}"
        );
    }
}

/// The writes that put each record in the place of what is stored, if it is another.
fn changes<R: Record>(merged: Vec<Merged<R>>) -> impl Iterator<Item = Write<R>> {
    merged.into_iter().filter_map(|Merged { existing, record }| match existing {
        None => Some(Write::Insert(record)),
        Some(old) if *old == record => None,
        Some(old) => Some(Write::Replace(old.version(), record)),
    })
}

async fn write_all<R: Record>(
    records: &impl Records<R>,
    writes: impl Iterator<Item = Write<R>>,
    what: &'static str,
) -> Result<(), WriteError> {
    let writes: Vec<_> = writes.collect();
    let (all, mut progress) = (writes.len(), Progress::of(what));
    let write = |write| async move { records.write(write).await.map(drop) };
    do_all(writes, write, || progress.step(all)).await
}
