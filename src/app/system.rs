//! The process's one clock and one source of randomness.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::domain::{
    entropy::Entropy,
    time::{Clock, Timestamp},
};

/// The wall clock, and beside it the monotonic one, which begins when it is first asked.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970: every token is then refused, none accepted too long.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::default().after(now)
    }

    #[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock")]
    fn age(&self) -> Duration {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        BEGINNING.get_or_init(Instant::now).elapsed()
    }
}

impl SystemClock {
    /// The time since 1970, for what is shown to a person.
    pub fn since_epoch() -> Duration {
        Duration::from_millis(Self.now().as_millis())
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the operating system gives no randomness: nothing safe can be done without.
    #[expect(clippy::disallowed_methods, reason = "the one home of randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives randomness");
    }
}
