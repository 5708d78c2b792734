//! Times at which tokens were accepted and revocations acknowledged: kept by nobody who takes part.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    client::Validator,
    proto::v1::{IntrospectRequest, token_service_client::TokenServiceClient},
};
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

/// Interval at which each token is shown.
const PACE: Duration = Duration::from_millis(5);

/// Accepts or refuses tokens from memory.
pub(crate) trait Accepts: Clone + Send + 'static {
    /// Returns whether a request with `token` passes now.
    fn accepts(&self, token: &str) -> impl Future<Output = bool> + Send;
}

impl Accepts for Validator {
    async fn accepts(&self, token: &str) -> bool {
        self.validate(token).await.is_ok()
    }
}

/// An agent, asked as a service in any language asks it.
impl Accepts for TokenServiceClient<Channel> {
    async fn accepts(&self, token: &str) -> bool {
        let request = IntrospectRequest { token: token.to_owned(), ..Default::default() };
        self.clone().introspect(request).await.is_ok_and(|answer| answer.into_inner().active)
    }
}

#[derive(Default)]
struct Entry {
    revoked: Option<Instant>,
    accepted: u64,
    refused: u64,
    /// Time from the acknowledged revocation to the beginning of the last accepted request.
    latest: Duration,
    /// Time from there to the beginning of the last request, accepted or not.
    watched: Duration,
}

/// The ledger of one validator or agent, which is shown every token again and again.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<HashMap<String, Entry>>>);

impl Ledger {
    /// Shows `token` from now on, until the test ends.
    pub(crate) fn show(&self, to: &impl Accepts, token: &str) {
        self.show_until(to, token, Duration::MAX);
    }

    /// Shows `token` from now on, until so long after its acknowledged revocation.
    pub(crate) fn show_until(&self, to: &impl Accepts, token: &str, end: Duration) {
        self.with(token, |_| ());
        let (ledger, to, token) = (self.clone(), to.clone(), token.to_owned());
        tokio::spawn(async move {
            while ledger.watched(&token) < end {
                let began = Instant::now();
                let accepted = to.accepts(&token).await;
                ledger.saw(&token, began, accepted);
                sleep(PACE).await;
            }
        });
    }

    /// The revocation of `token` was acknowledged.
    pub(crate) fn acknowledged(&self, token: &str) {
        self.with(token, |entry| entry.revoked = Some(Instant::now()));
    }

    fn saw(&self, token: &str, began: Instant, accepted: bool) {
        self.with(token, |entry| {
            *(if accepted { &mut entry.accepted } else { &mut entry.refused }) += 1;
            let Some(revoked) = entry.revoked else { return };
            let late = began.saturating_duration_since(revoked);
            entry.watched = entry.watched.max(late);
            if accepted {
                entry.latest = entry.latest.max(late);
            }
        });
    }

    pub(crate) fn accepted(&self, token: &str) -> u64 {
        self.with(token, |entry| entry.accepted)
    }

    pub(crate) fn refused(&self, token: &str) -> u64 {
        self.with(token, |entry| entry.refused)
    }

    pub(crate) fn watched(&self, token: &str) -> Duration {
        self.with(token, |entry| entry.watched)
    }

    /// For how long after its acknowledged revocation a token was still accepted.
    pub(crate) fn latest(&self, token: &str) -> Duration {
        self.with(token, |entry| entry.latest)
    }

    /// The longest of these.
    pub(crate) fn worst(&self) -> Duration {
        let entries = self.0.lock().expect("the ledger");
        entries.values().map(|entry| entry.latest).max().unwrap_or_default()
    }

    fn with<T>(&self, token: &str, look: impl FnOnce(&mut Entry) -> T) -> T {
        look(self.0.lock().expect("the ledger").entry(token.to_owned()).or_default())
    }
}
