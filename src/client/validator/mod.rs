//! Checks tokens from memory and follows the revocations.

mod bounded;
mod clock;
mod counters;
mod cursor;
mod ended;
mod fault;
mod fingerprint;
#[cfg_attr(not(feature = "jwt"), path = "no_first_sight.rs")]
mod first_sight;
mod flight;
mod follow;
#[cfg(feature = "jwt")]
mod follow_keys;
mod freshness;
mod memory;
mod options;
mod packed;
mod session;

use std::{fmt, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::{
    clock::{Clock, Moment},
    counters::Counters,
    fault::LastError,
    flight::Flights,
    freshness::Freshness,
    memory::{Memory, Room},
    session::Session,
};
pub use self::{counters::Counts, fault::Fault, options::Options, session::Refusal};
use super::{Claims, PeerCertificate, TokenClient};

/// Number of tokens whose claims are kept decoded: 2 MiB of typical ones.
const DECODED: usize = 4_096;

/// Checks access tokens, from memory if possible. An answer is never outdated by a revocation for
/// longer than [`Options::max_staleness`].
///
/// A token is introspected at its first use. The answer is stored under a keyed hash of the token,
/// for as long as the server allows and the feed of revocations is followed, unless the answering
/// instance of the server lags behind the feed. It is used within half of `max_staleness` of its
/// question, or within `max_staleness` of the last proof that the feed was followed; otherwise the
/// server is asked again, and if that fails the token is refused. The promise covers revocation: a token that a refresh has
/// replaced can pass until its answer expires.
///
/// Time is that of the monotonic clock, which stands still while the whole machine is suspended:
/// afterwards a token can be accepted for up to `max_staleness` more.
///
/// Clones share everything. The watch ends when the last clone is dropped.
#[derive(Clone)]
pub struct Validator {
    session: Arc<Session>,
    /// Ends the tasks when it is dropped.
    _tasks: Arc<JoinSet<()>>,
}

impl Validator {
    /// Starts to follow the feed as `client`, which sees the revocations of tokens that it may
    /// introspect. Until the feed is followed each token costs two questions every `max_staleness`.
    ///
    /// # Panics
    /// Panics outside a tokio runtime, since it spawns tasks.
    pub fn start(client: TokenClient, options: Options) -> Self {
        let asking = Self::asking(client, options);
        Self { _tasks: Arc::new(Self::tasks(&asking.session)), ..asking }
    }

    /// Starts like [`Self::start`], and judges signed access tokens of `issuer` (RFC 9068) itself at their
    /// first use, by the server's public keys and the revocations since the token was issued. The claims are
    /// those of the token: without the user's name, and with the attributes that the client's signed tokens
    /// show. Forged and expired tokens, and those that the client may not introspect, are refused without a
    /// question.
    ///
    /// The server is asked about a token that was issued earlier than ten minutes before the validator
    /// started, or before the server did; about one whose grant, subject or client is named by a revocation
    /// that came after its issue, or two seconds before; and while the feed is not followed. A signing key
    /// that the server has removed verifies for up to 10 s more. A token that a refresh has replaced passes
    /// until its own expiry.
    ///
    /// # Panics
    /// Panics outside a tokio runtime, since it spawns tasks.
    #[cfg(feature = "jwt")]
    pub fn start_judging(client: TokenClient, options: Options, issuer: String) -> Self {
        let first_sight = Some(first_sight::FirstSight::of(issuer));
        let session = Session { first_sight, ..Self::session(client, options) };
        let session = Arc::new(session);
        let mut tasks = Self::tasks(&session);
        tasks.spawn(follow_keys::follow_keys(Arc::clone(&session)));
        Self { session, _tasks: Arc::new(tasks) }
    }

    fn tasks(session: &Arc<Session>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(follow::follow(Arc::clone(session)));
        tasks.spawn(follow::prove(Arc::clone(session)));
        tasks
    }

    /// Asks `client` about each active token and follows no feed. It is for the client of an agent, which
    /// answers from its own memory within its own `max_staleness`. Inactive tokens are remembered for
    /// [`Options::refusal_ttl`].
    pub fn asking(client: TokenClient, options: Options) -> Self {
        Self { session: Arc::new(Self::session(client, options)), _tasks: Arc::default() }
    }

    fn session(client: TokenClient, options: Options) -> Session {
        let Options { entries, refusals, .. } = options;
        let room = Room { answers: entries, refusals, decoded: DECODED.min(entries) };
        Session {
            client,
            clock: Clock::start(),
            memory: Memory::new(room),
            freshness: Freshness::new(options.max_staleness),
            flights: Flights::joined_for(options.unproven()),
            counters: Counters::default(),
            last_error: LastError::default(),
            options,
            first_sight: None,
        }
    }

    /// Returns the claims of `token`. Refuses a token that is bound to its holder (RFC 8705 §3), since nothing is
    /// known of who shows it: see [`Self::validate_shown_by`].
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the token is not accepted.
    pub async fn validate(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        self.validate_shown_by(token, None).await
    }

    /// Returns the claims of `token`, which came over a connection whose peer has shown this certificate. A bound
    /// token is accepted only with the certificate that it is bound to.
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the token is not accepted.
    pub async fn validate_shown_by(
        &self,
        token: &str,
        peer: Option<&PeerCertificate>,
    ) -> Result<Arc<Claims>, Refusal> {
        held(self.validate_of_any_holder(token).await?, peer)
    }

    /// Returns the claims of `token` without a look at its holder: the caller compares [`Claims::confirmation`].
    ///
    /// # Errors
    /// Returns a [`Refusal`] if the token is not accepted.
    pub async fn validate_of_any_holder(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        match self.session.recall(token) {
            Ok(known) => known,
            Err(unknown) => Box::pin(self.session.ask(unknown, token)).await,
        }
    }

    /// Returns the claims of `token` from memory: the immediate result of [`Self::validate`], or
    /// `None` if it would ask the server.
    pub fn recall(&self, token: &str) -> Option<Result<Arc<Claims>, Refusal>> {
        self.recall_of_any_holder(token).map(|known| held(known?, None))
    }

    /// Returns the claims of `token` from memory: the immediate result of [`Self::validate_of_any_holder`], or
    /// `None` if it would ask the server.
    pub fn recall_of_any_holder(&self, token: &str) -> Option<Result<Arc<Claims>, Refusal>> {
        self.session.recall(token).ok()
    }

    /// Returns the time since memory was last proven up to date. `None` before the first proof and
    /// after the watch was lost. Beyond `max_staleness` the server is asked about every token.
    pub fn staleness(&self) -> Option<Duration> {
        let until = self.session.freshness.until();
        let proven =
            Moment(until.0.checked_sub(Moment(0).after(self.session.options.max_staleness).0)?);
        Some(self.session.clock.now().since(proven))
    }

    /// Returns the number of active tokens in memory.
    pub fn remembered(&self) -> usize {
        self.session.memory.len()
    }

    /// Returns the last error of a question to the server or of the watch, if there was one.
    pub fn last_fault(&self) -> Option<Fault> {
        self.session.last_error.get(self.session.clock.now())
    }

    /// Returns the counts since the start.
    pub fn counts(&self) -> Counts {
        self.session.counters.counts()
    }
}

/// Refuses a bound token that another than its holder shows.
fn held(claims: Arc<Claims>, peer: Option<&PeerCertificate>) -> Result<Arc<Claims>, Refusal> {
    if claims.may_be_shown_by(peer) { Ok(claims) } else { Err(Refusal::Inactive) }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("options", &self.session.options).finish_non_exhaustive()
    }
}
