//! A look at a database from outside: what it is, and what a crash of it would take.

use super::{
    OpenError, PostgresOptions,
    connections::{Connection, Connections},
    schema,
};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the server calls itself.
    pub version: String,
    /// Whether commits wait for a standby; `None` where the engine has no such setting.
    pub synchronous: Option<bool>,
}

/// Looks at the database and changes nothing.
///
/// # Errors
/// When it cannot be reached.
pub async fn look(options: &PostgresOptions) -> Result<Look, OpenError> {
    let connections = Connections::to(options)?;
    let connection = schema::connection(&connections).await?;
    let version = connection.query_one("SHOW server_version", &[]).await?.try_get(0)?;
    let synchronous = is_synchronous(&connection).await?;
    connections.close();
    Ok(Look { version, synchronous })
}

pub(super) async fn is_synchronous(
    connection: &Connection,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let sql = "SELECT current_setting('synchronous_standby_names', true)";
    let names: Option<String> = connection.query_one(sql, &[]).await?.try_get(0)?;
    Ok(names.map(|names| !names.is_empty()))
}
