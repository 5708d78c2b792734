//! A look at a database from outside: what it is, and what a crash of it would take.

use std::sync::Arc;

use super::{
    DatabaseClock, OpenError, PostgresOptions,
    clock::READING,
    connections::{Connection, Connections},
    schema,
};
use crate::domain::time::Clock;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the server calls itself.
    pub version: String,
    /// Whether commits wait for a standby; `None` where the engine has no such setting.
    pub synchronous: Option<bool>,
    /// By how many milliseconds this machine's clock is ahead of the server's.
    pub clock_skew: i64,
}

/// Looks at the database and changes nothing.
///
/// # Errors
/// When it cannot be reached.
pub async fn look(options: &PostgresOptions, own_clock: Arc<dyn Clock>) -> Result<Look, OpenError> {
    let connections = Connections::to(options)?;
    let connection = schema::connection(&connections).await?;
    let version = connection.query_one("SHOW server_version", &[]).await?.try_get(0)?;
    let synchronous = is_synchronous(&connection).await?;
    let clock = DatabaseClock::new(own_clock);
    read_clock(&connection, &clock).await?;
    connections.close();
    Ok(Look { version, synchronous, clock_skew: clock.skew() / 1_000 })
}

/// Looks at the database's clock for the first time, and tells of one that is behind what instances
/// have written.
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

pub(super) async fn is_synchronous(
    connection: &Connection,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let sql = "SELECT current_setting('synchronous_standby_names', true)";
    let names: Option<String> = connection.query_one(sql, &[]).await?.try_get(0)?;
    Ok(names.map(|names| !names.is_empty()))
}
