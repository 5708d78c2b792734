//! Receives events as soon as they are committed, if the engine supports LISTEN and NOTIFY.
//!
//! Notices only shorten delays: a lost notice costs the time until the next barrier.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Transaction;
use futures_util::stream::{StreamExt as _, poll_fn};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tokio_postgres::{AsyncMessage, Error, error::SqlState};

use super::{connections::Connections, outcome::told};

/// A channel belongs to the whole database, so listeners of other schemas receive useless notices.
const LISTEN: &str = "LISTEN jeton_feed";
const NOTIFY: &str = "SELECT pg_notify('jeton_feed', '')";
/// Time before a cut connection is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// The notices of one instance. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Notices(Arc<Heard>);

#[derive(Default)]
struct Heard {
    /// `true` once the engine has accepted a LISTEN.
    known: AtomicBool,
    events: Notify,
}

impl Notices {
    /// Returns `true` if the engine supports notices. NOTIFY is sent only then.
    pub(super) fn are_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// Notifies the other instances once the transaction is committed, synchronously like every
    /// transaction.
    pub(super) async fn announce(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        if self.are_known() {
            let notify = transaction.prepare_cached(NOTIFY).await?;
            transaction.execute(&notify, &[]).await?;
        }
        Ok(())
    }

    /// Waits for the next notice, and then until `time`. All notices since the last call count as
    /// one.
    pub(super) async fn after(&self, time: Instant) {
        self.0.events.notified().await;
        sleep_until(time).await;
    }

    /// Listens at the server that accepts writes, on a connection of its own, until the engine
    /// reports that it cannot. The barriers of the instance `own` know of the events that they have
    /// numbered.
    pub(super) async fn listen(self, connections: Connections, own: i64) {
        let own = own.to_string();
        loop {
            let ended = self.hear(&connections, &own).await;
            if ended.is_err_and(|error| is_unknown(&error)) {
                return tracing::info!(
                    "the database tells of no events: it is asked ten times a second"
                );
            }
            sleep(PAUSE).await;
        }
    }

    /// Receives notices until the connection ends.
    async fn hear(&self, connections: &Connections, own: &str) -> Result<(), Error> {
        let (client, mut connection) = connections.apart().await?;
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        let hearing = async {
            while let Some(message) = messages.next().await {
                if let AsyncMessage::Notification(notice) = message?
                    && notice.payload() != own
                {
                    self.0.events.notify_one();
                }
            }
            Ok(())
        };
        let asking = async {
            client.batch_execute(LISTEN).await?;
            self.0.known.store(true, Ordering::Relaxed);
            pending::<Result<Infallible, Error>>().await
        };
        tokio::select! {
            ended = hearing => ended,
            failed = asking => failed.map(|never| match never {}),
        }
    }
}

/// Returns `true` if the engine has no such statement.
fn is_unknown(error: &Error) -> bool {
    [Some(&SqlState::FEATURE_NOT_SUPPORTED), Some(&SqlState::SYNTAX_ERROR)].contains(&told(error))
}
