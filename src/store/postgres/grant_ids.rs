//! The ids of an owner's grants, from either end.

use tokio_postgres::{Row, types::ToSql};

use super::database::Database;
use crate::{
    domain::{grant::Grant, grant_id::GrantId},
    store::{GrantOwner, ReadError, Record as _},
};

/// Returns up to `limit` grants of `of` after `after`, in order.
pub(super) async fn after(
    database: &Database,
    of: &GrantOwner,
    after: Option<GrantId>,
    limit: usize,
) -> Result<Vec<GrantId>, ReadError> {
    // No grant has an id of all zeros, which stands for 1970.
    let after = after.map_or([0; 16], |after| *after.as_bytes());
    let (after, limit) = (after.as_slice(), rows(limit));
    match of {
        GrantOwner::User(user) => {
            let sql = "SELECT key FROM jeton_grants WHERE user_id = $1 AND key > $2 \
                       ORDER BY key LIMIT $3";
            read(database, sql, &[&user.as_bytes().as_slice(), &after, &limit]).await
        }
        GrantOwner::Client(client) => {
            let sql = "SELECT key FROM jeton_grants WHERE client_id = $1 AND key > $2 \
                       ORDER BY key LIMIT $3";
            read(database, sql, &[&client.as_str(), &after, &limit]).await
        }
    }
}

/// Returns up to `limit` grants of `of` before `before` that no write has ended, in reverse order.
pub(super) async fn newest(
    database: &Database,
    of: &GrantOwner,
    before: Option<GrantId>,
    limit: usize,
) -> Result<Vec<GrantId>, ReadError> {
    // No grant has the highest possible id either.
    let before = before.map_or([0xff; 16], |before| *before.as_bytes());
    let (before, limit) = (before.as_slice(), rows(limit));
    match of {
        GrantOwner::User(user) => {
            let sql = "SELECT key FROM jeton_grants WHERE user_id = $1 AND key < $2 \
                       AND NOT revoked ORDER BY key DESC LIMIT $3";
            read(database, sql, &[&user.as_bytes().as_slice(), &before, &limit]).await
        }
        GrantOwner::Client(client) => {
            let sql = "SELECT key FROM jeton_grants WHERE client_id = $1 AND key < $2 \
                       AND NOT revoked ORDER BY key DESC LIMIT $3";
            read(database, sql, &[&client.as_str(), &before, &limit]).await
        }
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

async fn read(
    database: &Database,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<GrantId>, ReadError> {
    let rows = database.read(sql, parameters).await?;
    rows.iter().map(id).collect()
}

fn id(row: &Row) -> Result<GrantId, ReadError> {
    let key: &[u8] = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
    Ok(Grant::parse_key(key)?)
}
