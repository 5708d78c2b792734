//! Merges the clients and users that the settings declare with the records that are stored, and writes
//! nothing.

use futures_util::stream::{self, Stream, StreamExt as _};

use super::{
    super::SystemEntropy,
    client::merge_client,
    declare_error::{DeclareError, refused},
    field::Typed,
    removed::Declarable,
    seal::{self, Clear},
    user::merge_user,
};
use crate::{
    config::{DeclaredPassword, DeclaredSecret, Settings},
    domain::{
        client::Client, client_secret::is_generated, signing_times::JwtLife, time::Timestamp,
        user::User,
    },
    service::HashPool,
    store::{ReadError, Stored},
};

/// The declarations, the pool that hashes their secrets, and the time.
#[derive(Clone, Copy)]
pub(super) struct Merging<'a> {
    pub(super) settings: &'a Settings,
    pub(super) hashes: &'a HashPool,
    pub(super) now: Timestamp,
}

impl<'a> Merging<'a> {
    /// Returns the secrets in clear that somebody chose, of the declared clients.
    pub(super) fn clear_of_clients(&self) -> Vec<Clear<'a>> {
        let clear = self.settings.clients.iter().enumerate().filter_map(|(record, client)| {
            let Some(DeclaredSecret::Clear(secret)) = &client.secret else { return None };
            let clear = Clear { record, name: client.id.as_str(), field: "secret", secret };
            Some(clear).filter(|_| !is_generated(secret))
        });
        clear.collect()
    }

    /// Returns the passwords in clear of the declared users.
    pub(super) fn clear_of_users(&self) -> Vec<Clear<'a>> {
        let clear = self.settings.users.iter().enumerate().filter_map(|(record, user)| {
            let DeclaredPassword::Clear(secret) = &user.password else { return None };
            Some(Clear { record, name: user.name.as_str(), field: "password", secret })
        });
        clear.collect()
    }

    /// Finds out whether the secrets in clear are the ones last applied.
    ///
    /// # Errors
    /// When they cannot be compared.
    pub(super) async fn typed<R: Declarable>(
        &self,
        clear: &[Clear<'_>],
        existing: &[Option<Stored<R>>],
    ) -> Result<Typed<'a>, DeclareError> {
        let declared =
            |record: usize| existing[record].as_ref().map(|found| found.declared().clone());
        let unchanged = seal::holds(clear, declared, self.hashes).await;
        let unchanged = unchanged.map_err(|error| refused("secrets", "in clear", error))?;
        Ok(Typed { hashes: self.hashes, unchanged })
    }

    /// Merges each declared client with what `existing` has at its place.
    pub(super) fn clients(
        &self,
        existing: &'a [Option<Stored<Client>>],
        typed: Typed<'a>,
    ) -> impl Stream<Item = Result<Client, DeclareError>> + use<'a> {
        let Self { settings, hashes, now } = *self;
        let merging =
            settings.clients.iter().zip(existing).map(move |(declaration, existing)| async move {
                let existing = existing.as_deref();
                let longest = JwtLife(settings.keys.max_jwt_ttl);
                let client =
                    merge_client(declaration, existing, typed, longest, &SystemEntropy, now);
                client.await.map_err(|error| refused("client", &declaration.id, error))
            });
        stream::iter(merging).buffered(hashes.threads())
    }

    /// Merges each declared user with what `existing` has at its place.
    pub(super) fn users(
        &self,
        existing: &'a [Option<Stored<User>>],
        typed: Typed<'a>,
    ) -> impl Stream<Item = Result<User, DeclareError>> + use<'a> {
        let Self { settings, hashes, now } = *self;
        let merging =
            settings.users.iter().zip(existing).map(move |(declaration, existing)| async move {
                let user = merge_user(declaration, existing.as_deref(), typed, &SystemEntropy, now);
                user.await.map_err(|error| refused("user", &declaration.name, error))
            });
        stream::iter(merging).buffered(hashes.threads())
    }
}

/// Returns every refusal that applying the declared clients would meet, in the order of the file. `stored`
/// has the record of each of them; nothing is written.
pub(in crate::app) async fn rehearse(
    settings: &Settings,
    stored: Vec<Result<Option<Stored<Client>>, ReadError>>,
    hashes: &HashPool,
    now: Timestamp,
) -> Vec<DeclareError> {
    let (found, unread): (Vec<_>, Vec<_>) = stored.into_iter().partition(Result::is_ok);
    if !unread.is_empty() {
        return unread.into_iter().filter_map(Result::err).map(DeclareError::from).collect();
    }
    let existing: Vec<_> = found.into_iter().flatten().collect();
    let merging = Merging { settings, hashes, now };
    let typed = match merging.typed(&merging.clear_of_clients(), &existing).await {
        Ok(typed) => typed,
        Err(error) => return vec![error],
    };
    let merged = merging.clients(&existing, typed);
    merged.filter_map(async |client| client.err()).collect().await
}
