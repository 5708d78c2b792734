//! The connections: how many, to whom, with which promises of the session.

use std::{str::FromStr as _, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls, Row, config::TargetSessionAttrs, types::ToSql};

use super::{OpenError, outcome};
use crate::store::ReadError;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for a connection while all are in use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a query may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// After how much silence of the peer a connection is given up: a primary whose machine is gone
/// says nothing.
const SILENCE: Duration = Duration::from_secs(5);

/// What each session is told.
///
/// No statement may be cut off by the server: a commit that is cancelled while it waits for the
/// standbys is answered with a warning, like one that they have. Commits wait for the standbys,
/// whatever the database's default is.
const SESSION: &str = "SET statement_timeout = 0;
     SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '30s';
     SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// The connections to one database. Cloning shares them.
#[derive(Clone)]
pub(super) struct Connections(Pool);

impl Connections {
    /// Up to `connections` of them, made when they are needed.
    pub(super) fn to(url: &str, connections: usize) -> Result<Self, OpenError> {
        let mut config = Config::from_str(url).map_err(OpenError::Url)?;
        config
            .application_name("jeton")
            // Of several hosts the one that takes writes.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(1));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(
                    async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) },
                )
            }))
            .build()
            .map_err(|error| OpenError::Unreachable(error.to_string().into()))?;
        Ok(Self(pool))
    }

    /// One of them.
    pub(super) async fn get(&self) -> Result<Object, PoolError> {
        self.0.get().await
    }

    /// The rows of a query, as the database shows them.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ReadError> {
        let client = self.get().await.map_err(|_| ReadError::Unavailable)?;
        let rows = timeout(READ_TIMEOUT, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        });
        match rows.await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(outcome::of_read(&error)),
            Err(_) => {
                // Whatever comes next on this connection would wait for what was asked.
                drop(Object::take(client));
                Err(ReadError::Unavailable)
            }
        }
    }

    /// Ends them. Whoever asks for one from now on gets none.
    pub(super) fn close(&self) {
        self.0.close();
    }
}
