//! Inspects a database without opening it as a store: its version, its durability and its clock.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use tokio_postgres::{Row, SimpleQueryMessage};

use super::{
    DatabaseClock, OpenError, PostgresOptions,
    clock::READING,
    connections::{Connection, Connections},
    rows::stored,
    schema,
    weakness::{Weakness, weaknesses},
};
use crate::{
    domain::{
        client::Client,
        client_id::ClientId,
        key_ring::KeyId,
        record::Corrupt,
        signing_register::{NeededKey, SigningRegister},
        time::Clock,
    },
    store::{ReadError, Record as _, Stored},
};

/// Results of an inspection.
#[derive(Clone, Debug)]
pub struct Look {
    /// The server's version as the server reports it.
    pub version: String,
    /// Settings with which the database can lose what was acknowledged.
    pub weaknesses: Vec<Weakness>,
    /// Milliseconds by which this machine's clock is ahead of the server's.
    pub clock_skew: i64,
    /// Keys that records name. Empty if there is no store yet.
    pub keys: Vec<KeyId>,
    /// Signing keys that signed something that can be good.
    pub signing: Vec<NeededKey>,
    /// Records of the clients asked for, in their order, or `None` if there is no store yet.
    pub clients: Option<Vec<Result<Option<Stored<Client>>, ReadError>>>,
}

/// Inspects the database, reads the clients with these ids, and changes nothing.
///
/// # Errors
/// Fails if the database cannot be reached or an opening would be refused.
pub async fn look(
    options: &PostgresOptions,
    ids: &[ClientId],
    own_clock: Arc<dyn Clock>,
) -> Result<Look, OpenError> {
    let connections = Connections::to(options)?;
    refuse_pooler(&connections).await?;
    let mut connection = schema::connection(&connections).await?;
    schema::rehearse(&mut connection).await?;
    let keys = keys(&connection).await?;
    let signing = signing_keys(&connection).await?;
    let clients = clients(&connection, ids).await?;
    let version = connection.query_one("SHOW server_version", &[]).await?.try_get(0)?;
    let weaknesses = weaknesses(&connection).await?;
    let clock = DatabaseClock::new(own_clock);
    read_clock(&connection, &clock).await?;
    connections.close();
    Ok(Look { version, weaknesses, clock_skew: clock.skew() / 1_000, keys, signing, clients })
}

/// Refuses a pooler that gives each transaction another session. Notices and locks are lost in such
/// a pooler, so an instance would miss the revocations of another. The check looks for a session's
/// mark in a second session.
pub(super) async fn refuse_pooler(connections: &Connections) -> Result<(), OpenError> {
    let first = schema::connection(connections).await?;
    let mark = format!("SET jeton.session = '{:016x}'", RandomState::new().hash_one(0));
    first.batch_execute(&mark).await?;
    let (second, driver) = connections.apart().await?;
    let driving = tokio::spawn(driver);
    let sql = "SELECT coalesce(current_setting('jeton.session', true), '')";
    let found = second.simple_query(sql).await;
    drop(second);
    driving.abort();
    first.batch_execute("RESET jeton.session").await?;
    let found = found?.into_iter().find_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        row.get(0).map(str::to_owned)
    });
    if found.is_some_and(|found| !found.is_empty()) { Err(OpenError::Pooled) } else { Ok(()) }
}

async fn keys(connection: &Connection) -> Result<Vec<KeyId>, OpenError> {
    if !is_there(connection, "jeton_keys").await? {
        return Ok(Vec::new());
    }
    let rows = connection.query("SELECT key_id FROM jeton_keys", &[]).await?;
    let key = |row: &Row| row.try_get::<_, &[u8]>(0).ok()?.try_into().ok().map(KeyId::from_bytes);
    Ok(rows.iter().filter_map(key).collect())
}

async fn signing_keys(connection: &Connection) -> Result<Vec<NeededKey>, OpenError> {
    if !is_there(connection, "jeton_signing_keys").await? {
        return Ok(Vec::new());
    }
    let row = connection.query_opt("SELECT register FROM jeton_signing_keys", &[]).await?;
    let text: &str = row.as_ref().map_or(Ok(""), |row| row.try_get(0))?;
    let register = SigningRegister::parse(text).map_err(|Corrupt| OpenError::Damaged)?;
    Ok(register.needed().to_vec())
}

async fn clients(
    connection: &Connection,
    ids: &[ClientId],
) -> Result<Option<Vec<Result<Option<Stored<Client>>, ReadError>>>, OpenError> {
    if !is_there(connection, "jeton_clients").await? {
        return Ok(None);
    }
    let sql = "SELECT key, version, record FROM jeton_clients WHERE key = ANY($1)";
    let keys: Vec<&[u8]> = ids.iter().map(Client::key_bytes).collect();
    let mut rows: HashMap<Vec<u8>, Row> = HashMap::with_capacity(ids.len());
    for row in connection.query(sql, &[&keys]).await? {
        rows.insert(row.try_get(0)?, row);
    }
    let found = ids.iter().map(|id| {
        rows.get(Client::key_bytes(id)).map(|row| stored::<Client>(id, row, 1)).transpose()
    });
    Ok(Some(found.collect()))
}

/// Returns whether the database has that table.
pub(super) async fn is_there(connection: &Connection, table: &str) -> Result<bool, OpenError> {
    let there = "SELECT to_regclass($1::text) IS NOT NULL";
    Ok(connection.query_one(there, &[&table]).await?.try_get(0)?)
}

/// Reads the database's clock for the first time, and warns if it is behind the times that
/// instances have written.
pub(super) async fn first_look(
    connection: &Connection,
    clock: &DatabaseClock,
) -> Result<(), tokio_postgres::Error> {
    read_clock(connection, clock).await?;
    let sql = "SELECT coalesce((extract(epoch FROM max(seen_at) - clock_timestamp()))::bigint, 0)
               FROM jeton_instances";
    let behind: i64 = connection.query_one(sql, &[]).await?.try_get(0)?;
    if behind > 0 {
        tracing::warn!(
            seconds = behind,
            "the database's clock is behind what was last written: expiry is judged by it"
        );
    }
    Ok(())
}

async fn read_clock(
    connection: &Connection,
    clock: &DatabaseClock,
) -> Result<(), tokio_postgres::Error> {
    let statement = connection.prepare(&format!("SELECT {READING}")).await?;
    let began = clock.age();
    clock.begin(began, connection.query_one(&statement, &[]).await?.try_get(0)?);
    Ok(())
}
