//! The list of server keys that records may name, with the instances that make tokens with each.

use deadpool_postgres::Transaction;
use tokio::time::timeout;

use super::{
    connections::{Connection, WRITE_TIMEOUT},
    database::Database,
    outcome::{self, Failed},
};
use crate::{domain::key_ring::KeyId, store::WriteError};

/// Lists `id`, and notes that this instance makes tokens with it. If the list has a key that is not
/// in `held`, nothing is changed and that key is returned: this instance could not check its
/// tokens.
///
/// The feed's row stays locked meanwhile: if two instances start on a new store with different
/// rings, one of them finds the other's key.
pub(super) async fn claim(
    database: &Database,
    id: KeyId,
    held: Option<&[KeyId]>,
) -> Result<Result<(), KeyId>, WriteError> {
    let unreached = |_| WriteError::Unavailable;
    let mut client = database.connections.get().await.map_err(unreached)?;
    let claimed = async {
        let transaction = client.transaction().await?;
        lock(&transaction).await?;
        if let Some(held) = held {
            let listed = transaction.query("SELECT key_id FROM jeton_keys", &[]).await?;
            let held: Vec<&[u8]> = held.iter().map(|id| id.as_bytes().as_slice()).collect();
            for row in &listed {
                let key: &[u8] = row.try_get(0)?;
                if !held.contains(&key) {
                    let key = key.try_into().map_or(id, KeyId::from_bytes);
                    return Ok(Err(key));
                }
            }
        }
        let sql = "INSERT INTO jeton_keys (key_id) VALUES ($1) ON CONFLICT (key_id) DO NOTHING";
        let added = transaction.execute(sql, &[&id.as_bytes().as_slice()]).await?;
        count_change(&transaction, added).await?;
        let sql = "UPDATE jeton_instances SET active_key = $2 WHERE number = $1";
        let (number, key) = (database.instance.number, id.as_bytes().as_slice());
        transaction.execute(sql, &[&number, &key]).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    };
    let Ok(claimed) = timeout(WRITE_TIMEOUT, claimed).await else {
        drop(Connection::take(client));
        return Err(WriteError::Unknown);
    };
    let claimed = claimed.map_err(|error| failed(&error))?;
    drop(client);
    // After this barrier the instance's own list contains the key.
    database.barrier.pass().await?;
    Ok(claimed)
}

/// Removes a key from the list, unless another instance makes tokens with it.
pub(super) async fn remove(database: &Database, id: KeyId) -> Result<(), WriteError> {
    let mut client = database.connections.get().await.map_err(|_| WriteError::Unavailable)?;
    let removed = async {
        let transaction = client.transaction().await?;
        lock(&transaction).await?;
        let (number, key) = (database.instance.number, id.as_bytes().as_slice());
        let sql = "SELECT 1 FROM jeton_instances WHERE active_key = $2 AND number <> $1
                   AND seen_at > now() - interval '1 minute' LIMIT 1";
        if !transaction.query(sql, &[&number, &key]).await?.is_empty() {
            return Ok(Err(WriteError::Busy));
        }
        let removed =
            transaction.execute("DELETE FROM jeton_keys WHERE key_id = $1", &[&key]).await?;
        count_change(&transaction, removed).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    };
    let Ok(removed) = timeout(WRITE_TIMEOUT, removed).await else {
        drop(Connection::take(client));
        return Err(WriteError::Unknown);
    };
    removed.map_err(|error| failed(&error))??;
    drop(client);
    database.barrier.pass().await.map(drop).map_err(Into::into)
}

pub(super) async fn lock(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    let lock = "SELECT head FROM jeton_feed WHERE single FOR UPDATE";
    transaction.query_one(lock, &[]).await.map(drop)
}

pub(super) async fn count_change(
    transaction: &Transaction<'_>,
    rows: u64,
) -> Result<(), tokio_postgres::Error> {
    if rows > 0 {
        let change = "UPDATE jeton_feed SET keys_version = keys_version + 1 WHERE single";
        transaction.execute(change, &[]).await?;
    }
    Ok(())
}

pub(super) fn failed(error: &tokio_postgres::Error) -> WriteError {
    match outcome::of_write(error) {
        Failed::NotWritten(error) => error,
        Failed::Again => WriteError::Busy,
        Failed::Unknown => WriteError::Unknown,
    }
}
