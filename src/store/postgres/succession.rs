//! Notices that a server took over while no instance was running, and begins another feed.
//!
//! An instance that outlives a failover compares the feed before and after it. If none does, nobody
//! knows which commits the server lacks. The store keeps the timeline of the server that its instances
//! know: each promotion begins another one, and so does each restored base backup.

use tokio_postgres::error::SqlState;

use super::{
    connections::Connection, feed, outcome::told, session::Server, weakness::warn_of_weaknesses,
};
use crate::store::{ReadError, StoreId};

/// Returns the server's timeline, the timeline that was settled last, and whether an older instance
/// than `$1` is running.
const LOOK: &str = "SELECT
         ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint,
         timeline,
         EXISTS (SELECT FROM jeton_instances WHERE number <> 0 AND number < $1
             AND seen_at > now() - interval '10 seconds')
     FROM jeton_numbering";

/// The server whose commits one instance knows to be those of the server before it.
#[derive(Default)]
pub(super) struct Succession(Option<Server>);

impl Succession {
    /// Settles the server of this connection, and returns the store's new id if another feed was
    /// begun. `number` is the instance's own, and `id` the store's.
    ///
    /// The instance has witnessed a failover if it had settled the server before: its barrier has
    /// compared the feeds. A newer instance leaves the matter to an older one, while that is running.
    pub(super) async fn settle(
        &mut self,
        connection: &Connection,
        number: i64,
        id: StoreId,
    ) -> Result<Option<StoreId>, tokio_postgres::Error> {
        if self.0 == Some(connection.server) {
            return Ok(None);
        }
        // A standby that was promoted may have none of its own.
        warn_of_weaknesses(connection).await?;
        let looked = connection.query_one(LOOK, &[&number]).await;
        let row = match looked {
            // The engine has no timelines.
            Err(error) if told(&error) == Some(&SqlState::UNDEFINED_FUNCTION) => {
                self.0 = Some(connection.server);
                return Ok(None);
            }
            looked => looked?,
        };
        let (current, settled): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let mut begun = None;
        if settled != current {
            let witnessed = self.0.is_some() || settled == 0;
            if !witnessed && row.try_get(2)? {
                return Ok(None);
            }
            if !witnessed {
                tracing::error!(
                    "a database server has taken over while no instance was running: nobody knows which \
                     commits it lacks, revocations too. All caches of answers begin again; end what \
                     must not live on"
                );
                match feed::begin_feed(connection, id, id).await {
                    Ok((new, _)) => begun = Some(new),
                    // Another instance came first, or the next look finds it as it is.
                    Err(ReadError::Unavailable | ReadError::Corrupt) => return Ok(None),
                }
            }
            let sql = "UPDATE jeton_numbering SET timeline = $1 WHERE single";
            connection.execute(sql, &[&current]).await?;
        }
        self.0 = Some(connection.server);
        Ok(begun)
    }
}
