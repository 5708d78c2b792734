//! Tells from memory whether a token is good, and hears of revocations.

mod bounded;
mod clock;
mod counters;
mod cursor;
mod flight;
mod follow;
mod freshness;
mod memory;
mod options;
mod session;

use std::{fmt, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::{
    clock::{Clock, Moment},
    counters::Counters,
    flight::Flights,
    freshness::Freshness,
    memory::Memory,
    session::Session,
};
pub use self::{counters::Counts, options::Options, session::Refusal};
use super::{Claims, TokenClient};

/// Tells whether access tokens are good: from memory where it can, and never wrong about a
/// revocation for longer than [`Options::max_staleness`].
///
/// A token is introspected when it is first seen. The answer is kept, by the SHA-256 of the token,
/// for as long as the server allows, while the feed of revocations is followed, unless it comes from an
/// instance of the server that is behind what was followed. It is used while it
/// was asked for, or the feed is proven to have been followed, within `max_staleness`; otherwise the
/// server is asked again, and when that fails the token is refused. The promise covers revocation;
/// a token that a refresh has replaced may pass until its answer may not be kept any longer.
///
/// Time is the monotonic clock's. It stands still while a whole machine is suspended: after that, a
/// token may be accepted for up to `max_staleness` more.
///
/// Clones share everything. When the last one is dropped, the watch ends.
#[derive(Clone)]
pub struct Validator {
    session: Arc<Session>,
    /// Ends the tasks when dropped.
    _tasks: Arc<JoinSet<()>>,
}

impl Validator {
    /// Starts to follow the feed as `client`, which sees the revocations of tokens that it may
    /// introspect. Until it does so each token costs a question every `max_staleness`.
    ///
    /// # Panics
    /// Outside of a tokio runtime, which it spawns tasks on.
    pub fn start(client: TokenClient, options: Options) -> Self {
        let session = Arc::new(Session {
            client,
            clock: Clock::start(),
            memory: Memory::new(options.entries, options.refusals),
            freshness: Freshness::new(options.max_staleness),
            flights: Flights::default(),
            counters: Counters::default(),
            options,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(follow::follow(Arc::clone(&session)));
        tasks.spawn(follow::prove(Arc::clone(&session)));
        Self { session, _tasks: Arc::new(tasks) }
    }

    /// What `token` is good for.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn validate(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        match self.session.recall(token) {
            Ok(known) => known,
            Err(unknown) => Box::pin(self.session.ask(unknown, token)).await,
        }
    }

    /// What `token` is good for as far as that is known without asking: what [`Self::validate`]
    /// answers at once, `None` where it would have to ask.
    pub fn recall(&self, token: &str) -> Option<Result<Arc<Claims>, Refusal>> {
        self.session.recall(token).ok()
    }

    /// How long ago it was that memory is proven to have been up to date. `None` before the first
    /// proof, and after the watch was lost. Beyond `max_staleness` every token is asked about.
    pub fn staleness(&self) -> Option<Duration> {
        let until = self.session.freshness.until();
        let proven =
            Moment(until.0.checked_sub(Moment(0).after(self.session.options.max_staleness).0)?);
        Some(self.session.clock.now().since(proven))
    }

    /// What it did since it was started.
    pub fn counts(&self) -> Counts {
        self.session.counters.counts()
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("options", &self.session.options).finish_non_exhaustive()
    }
}
