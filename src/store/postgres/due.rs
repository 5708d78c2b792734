//! The times at which the sweeper checks grants, in a column of their own that a refresh does not
//! change.

use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use super::{
    columns::to_sql,
    connections::{Connection, WRITE_TIMEOUT},
    database::Database,
    outcome,
    rows::keyed,
};
use crate::{
    domain::{grant::Grant, time::Timestamp},
    store::{ReadError, Stored},
};

/// Moves the due times of grants that were refreshed since the times were set. A grant that changes
/// meanwhile is found again.
pub(super) async fn settle(
    database: &Database,
    unsettled: &[Stored<Grant>],
) -> Result<(), ReadError> {
    let client = database.connections.get().await.map_err(|_| ReadError::Unavailable)?;
    let sql = "UPDATE jeton_grants SET due_at = $3 WHERE key = $1 AND version = $2";
    for grant in unsettled {
        let (key, version) = (grant.id.as_bytes().as_slice(), grant.version().as_u64());
        let (version, due) = (version.cast_signed(), to_sql(grant.spent_time()));
        let parameters: [&(dyn ToSql + Sync); 3] = [&key, &version, &due];
        let Ok(moved) = timeout(WRITE_TIMEOUT, client.execute(sql, &parameters)).await else {
            drop(Connection::take(client));
            return Err(ReadError::Unavailable);
        };
        moved.map_err(|error| outcome::of_read(&error))?;
    }
    Ok(())
}

/// Moves the due times of the damaged grants among these rows.
pub(super) async fn postpone(
    database: &Database,
    rows: &[Row],
    due: Timestamp,
) -> Result<(), ReadError> {
    let client = database.connections.get().await.map_err(|_| ReadError::Unavailable)?;
    let sql = "UPDATE jeton_grants SET due_at = $2 WHERE key = $1";
    for row in rows.iter().filter(|row| keyed::<Grant>(row).is_err()) {
        let key: &[u8] = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
        let due = to_sql(due);
        let parameters: [&(dyn ToSql + Sync); 2] = [&key, &due];
        let Ok(moved) = timeout(WRITE_TIMEOUT, client.execute(sql, &parameters)).await else {
            drop(Connection::take(client));
            return Err(ReadError::Unavailable);
        };
        moved.map_err(|error| outcome::of_read(&error))?;
    }
    Ok(())
}
