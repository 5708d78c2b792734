//! The register of signing keys in the database: one row, which one instance at a time changes.

use deadpool_postgres::Transaction;
use tokio::time::timeout;

use super::{
    PostgresStore,
    connections::{Connection, WRITE_TIMEOUT, rows},
    database::Database,
    instance::Instance,
    keys::{count_change, failed, lock},
};
use crate::{
    domain::{
        signing_register::{
            Announcer, FeedStart, NeededKey, SigningChange, SigningRegister, SigningStanding,
        },
        time::Timestamp,
    },
    store::{ReadError, SigningKeys, WriteError},
};

/// Reads the register, the database's clock in milliseconds, and whether an instance runs that announces
/// nothing. `$1` is the reader's own number.
const READ: &str = "SELECT register, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
     EXISTS (SELECT FROM jeton_instances WHERE number <> 0 AND number <> $1
         AND number < keys.since AND seen_at > now() - interval '1 minute')
     FROM jeton_signing_keys AS keys WHERE single";

/// Reads the register, and when an instance was last seen that frees events without a note, in milliseconds.
const FEED_START: &str = "SELECT register,
     (SELECT (extract(epoch FROM max(seen_at)) * 1000)::bigint FROM jeton_instances
         WHERE number <> 0 AND number < keys.since)
     FROM jeton_signing_keys AS keys WHERE single";

impl SigningKeys for PostgresStore {
    async fn register_signing(
        &self,
        change: SigningChange,
        _now: Timestamp,
    ) -> Result<SigningStanding, WriteError> {
        self::change(&self.database, &change).await
    }

    async fn needed_signing_keys(&self) -> Result<Vec<NeededKey>, ReadError> {
        self.database.barrier.pass().await?;
        Ok(self.database.instance.needed_signing_keys())
    }

    async fn feed_start(&self) -> Result<Option<FeedStart>, ReadError> {
        let connections = &self.database.connections;
        let connection = connections.get().await.map_err(|_| ReadError::Unavailable)?;
        let rows = rows(&connection, FEED_START, &[]).await?;
        let row = rows.first().ok_or(ReadError::Corrupt)?;
        let text: &str = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
        let older: Option<i64> = row.try_get(1).map_err(|_| ReadError::Corrupt)?;
        let older =
            Timestamp::from_millis(older.and_then(|time| time.try_into().ok()).unwrap_or(0));
        let start = SigningRegister::parse(text)?.feed_start();
        Ok(start.map(|start| FeedStart { since: start.since.max(older), ..start }))
    }
}

/// Changes the register. The feed's row stays locked meanwhile, as for every list of keys.
async fn change(
    database: &Database,
    change: &SigningChange,
) -> Result<SigningStanding, WriteError> {
    let unreached = |_| WriteError::Unavailable;
    let mut client = database.connections.get().await.map_err(unreached)?;
    let changed = async {
        let transaction = client.transaction().await?;
        lock(&transaction).await?;
        let changed = change_in(&transaction, &database.instance, change).await?;
        transaction.commit().await?;
        Ok(changed)
    };
    let Ok(changed) = timeout(WRITE_TIMEOUT, changed).await else {
        drop(Connection::take(client));
        return Err(WriteError::Unknown);
    };
    let changed = changed.map_err(|error| failed(&error))?;
    drop(client);
    // After this barrier the instance's own list is that of the register.
    database.barrier.pass().await?;
    changed.ok_or(WriteError::Corrupt)
}

/// Returns `None` for a register that is unreadable.
async fn change_in(
    transaction: &Transaction<'_>,
    process: &Instance,
    change: &SigningChange,
) -> Result<Option<SigningStanding>, tokio_postgres::Error> {
    let row = transaction.query_one(READ, &[&process.number]).await?;
    let (text, now): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
    let Ok(mut register) = SigningRegister::parse(text) else { return Ok(None) };
    let before = register.needed().to_vec();
    let instance = u64::try_from(process.number).unwrap_or(u64::MAX);
    let by = Announcer { instance, beside_older: row.try_get(2)?, feed: process.id() };
    let now = Timestamp::from_millis(u64::try_from(now).unwrap_or(0));
    let standing = register.change(by, change, now);
    let update = "UPDATE jeton_signing_keys SET register = $1 WHERE single";
    transaction.execute(update, &[&register.to_text()]).await?;
    count_change(transaction, u64::from(register.needed() != before)).await?;
    Ok(Some(standing))
}
