//! The pool of connections: its size, its servers and its timeouts.

use std::{
    str::FromStr as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deadpool::managed::{Object, Pool, PoolError};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::{
    Client, Config, Row, Socket,
    config::{LoadBalanceHosts, TargetSessionAttrs},
    tls::MakeTlsConnect,
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    OpenError, PostgresOptions,
    outcome::{self, Said},
    refusals::Refusals,
    session::{Server, Sessions},
};
use crate::store::ReadError;

/// Maximum time to connect. A hanging primary takes all of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time that a call waits for a connection while all are in use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time of a query.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time of a write, including its standbys. Beyond it the result is unknown.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a silent connection is closed: a primary on a dead machine sends nothing.
const SILENCE: Duration = Duration::from_secs(5);

/// The driver of a connection outside the pool.
pub(super) type Apart =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection in use.
pub(super) type Connection = Object<Sessions>;

/// The connections to one database. Clones share them.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Sessions>,
    config: Arc<Config>,
    connector: MakeRustlsConnect,
    /// The server of the last barrier.
    current: Arc<Mutex<Option<Server>>>,
    refusals: Arc<Refusals>,
    /// `true` if only servers are used whose commits wait for a standby.
    pub(super) require_standby: bool,
}

impl Connections {
    /// Creates a pool of up to the configured number of connections, opened on demand.
    pub(super) fn to(options: &PostgresOptions) -> Result<Self, OpenError> {
        // The driver's error for an invalid URL can contain a part of the URL.
        let config = Config::from_str(options.url.expose());
        let mut config = config.map_err(|_| OpenError::Url)?;
        config
            .application_name("jeton")
            // Of several hosts the one that accepts writes. The order is random: a hanging primary
            // that is tried first delays the next attempt.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .load_balance_hosts(LoadBalanceHosts::Random)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(Duration::from_secs(1));
        config.ssl_mode(options.tls.ssl_mode(&config));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let connector = options.tls.connector()?;
        let manager = Manager::from_config(config.clone(), connector.clone(), recycling);
        let current = Arc::default();
        let pool = Pool::builder(Sessions::new(manager, &current, options.require_standby))
            .max_size(options.connections)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::Unreachable(error.to_string().into()))?;
        let refusals = Arc::default();
        let require_standby = options.require_standby;
        Ok(Self { pool, config: Arc::new(config), connector, current, refusals, require_standby })
    }

    /// Opens a connection outside the pool, with a stream of the server's messages.
    pub(super) async fn apart(&self) -> Result<(Client, Apart), tokio_postgres::Error> {
        self.config.connect(self.connector.clone()).await
    }

    /// Takes a connection from the pool.
    pub(super) async fn get(&self) -> Result<Connection, PoolError<tokio_postgres::Error>> {
        self.pool.get().await.inspect_err(|error| {
            if let PoolError::Backend(error) = error {
                self.refusals.tell(&Said(error).to_string());
            }
        })
    }

    /// Returns the rows of a query with the server that returned them.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, Server), ReadError> {
        let connection = self.get().await.map_err(|_| ReadError::Unavailable)?;
        let server = connection.server;
        let Ok(rows) = timeout(READ_TIMEOUT, rows(&connection, sql, parameters)).await else {
            // The next query on this connection would wait for this one.
            drop(Connection::take(connection));
            return Err(ReadError::Unavailable);
        };
        Ok((rows?, server))
    }

    /// Keeps to `server`, which has passed a barrier: connections to other servers are dropped.
    pub(super) fn keep_to(&self, server: Server) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Leaves `server` after a failed barrier: another server may have taken over.
    pub(super) fn leave(&self, server: Server) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(self.pool.retain(|session, _| session.server != server));
    }

    /// Closes all connections. Later calls for one fail.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Returns the rows of a query on one connection.
pub(super) async fn rows(
    connection: &Connection,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, ReadError> {
    let rows = async {
        let statement = connection.prepare_cached(sql).await?;
        connection.query(&statement, parameters).await
    };
    rows.await.map_err(|error| outcome::of_read(&error))
}
