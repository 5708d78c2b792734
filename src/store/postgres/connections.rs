//! The connections: how many, to whom, and how long anybody waits for them.

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

/// How long a connection may take to be made. A primary that hangs takes all of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call waits for a connection while all are in use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a query may take.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write may take, its standbys included, before nobody knows.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// After how much silence of the peer a connection is given up: a primary whose machine is gone
/// says nothing.
const SILENCE: Duration = Duration::from_secs(5);

/// What drives a connection that is none of the pool's.
pub(super) type Apart =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection while somebody uses it.
pub(super) type Connection = Object<Sessions>;

/// The connections to one database. Cloning shares them.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Sessions>,
    config: Arc<Config>,
    connector: MakeRustlsConnect,
    /// The server that the last barrier was passed at.
    current: Arc<Mutex<Option<Server>>>,
    refusals: Arc<Refusals>,
}

impl Connections {
    /// Up to as many as the options allow, made when they are needed.
    pub(super) fn to(options: &PostgresOptions) -> Result<Self, OpenError> {
        // What the driver says of a URL that it cannot read may repeat some of it.
        let config = Config::from_str(options.url.expose());
        let mut config = config.map_err(|_| OpenError::Url)?;
        config
            .application_name("jeton")
            // Of several hosts the one that takes writes; in any order, since a primary that hangs
            // keeps whoever asks it first from asking the next.
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
        let pool = Pool::builder(Sessions::new(manager, &current))
            .max_size(options.connections)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::Unreachable(error.to_string().into()))?;
        let refusals = Arc::default();
        Ok(Self { pool, config: Arc::new(config), connector, current, refusals })
    }

    /// A connection that is none of the pool's, with what the server says on it unasked.
    pub(super) async fn apart(&self) -> Result<(Client, Apart), tokio_postgres::Error> {
        self.config.connect(self.connector.clone()).await
    }

    /// One of them.
    pub(super) async fn get(&self) -> Result<Connection, PoolError<tokio_postgres::Error>> {
        self.pool.get().await.inspect_err(|error| {
            if let PoolError::Backend(error) = error {
                self.refusals.tell(&Said(error).to_string());
            }
        })
    }

    /// The rows of a query, as the server shows them that is named with them.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, Server), ReadError> {
        let connection = self.get().await.map_err(|_| ReadError::Unavailable)?;
        let server = connection.server;
        let Ok(rows) = timeout(READ_TIMEOUT, rows(&connection, sql, parameters)).await else {
            // Whatever comes next on this connection would wait for what was asked.
            drop(Connection::take(connection));
            return Err(ReadError::Unavailable);
        };
        Ok((rows?, server))
    }

    /// A barrier was passed at `server`: connections to any other are of no use.
    pub(super) fn keep_to(&self, server: Server) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// No barrier is passed at `server`: perhaps another one has taken over.
    pub(super) fn leave(&self, server: Server) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(self.pool.retain(|session, _| session.server != server));
    }

    /// Ends them. Whoever asks for one from now on gets none.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// The rows of a query on one connection.
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
