//! Finds the clients that ask for tokens for themselves much faster than those expire.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;

use crate::domain::client_id::ClientId;

/// Clients that are counted at one time; of more, those seen least are forgotten.
const CLIENTS: usize = 4096;
/// Clients that are named.
const NAMED: usize = 20;
/// Live tokens above which a client is named: as many as a user may have logins by default. A
/// fleet shares a client; it need not ask for a token more often than its tokens expire.
const MANY: u64 = 100;

/// A client that has many live tokens of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeavyClient {
    /// The client.
    pub client_id: ClientId,
    /// About how many access tokens for itself it has that have not expired.
    pub live_tokens: u64,
}

/// Rates of the tokens issued to each client for itself. Clones share them.
#[derive(Clone)]
pub(in crate::service) struct TokenRates {
    clients: Arc<Cache<ClientId, Arc<Mutex<Windows>>>>,
}

/// The lifetimes of tokens, added up over two windows of time, each as long as the client's tokens
/// live: how many are live at one moment is the lifetimes issued in a window over its length.
#[derive(Clone, Copy, Debug)]
struct Windows {
    /// The age of the process when the current window began.
    began: Duration,
    length: Duration,
    current: Duration,
    previous: Duration,
}

impl Windows {
    fn new(began: Duration, length: Duration) -> Self {
        Self { began, length, current: Duration::ZERO, previous: Duration::ZERO }
    }

    /// Moves on to the window in which the process is that old.
    fn advance(&mut self, age: Duration) {
        let since = age.saturating_sub(self.began);
        if since < self.length {
            return;
        }
        let next = since < 2 * self.length;
        self.previous = if next { self.current } else { Duration::ZERO };
        self.current = Duration::ZERO;
        self.began = if next { self.began + self.length } else { age };
    }

    /// Takes the previous window to have been filled evenly.
    fn live(mut self, age: Duration) -> u64 {
        self.advance(age);
        let length = self.length.as_secs_f64();
        let left = 1.0 - (age.saturating_sub(self.began).as_secs_f64() / length).min(1.0);
        let lifetimes = self.current.as_secs_f64() + self.previous.as_secs_f64() * left;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let live = (lifetimes / length).round() as u64;
        live
    }
}

impl TokenRates {
    pub(in crate::service) fn new() -> Self {
        Self { clients: Arc::new(Cache::new(CLIENTS)) }
    }

    /// A token that lives for `lifetime` was issued to a client whose tokens live for `length` when
    /// none asks for less.
    pub(in crate::service) fn issued(
        &self,
        client_id: &ClientId,
        length: Duration,
        lifetime: Duration,
        age: Duration,
    ) {
        if length.is_zero() {
            return;
        }
        let windows = self.clients.get(client_id).unwrap_or_else(|| {
            // Of two that come here at once one counts for nothing: this is an estimate.
            let windows = Arc::new(Mutex::new(Windows::new(age, length)));
            self.clients.insert(client_id.clone(), Arc::clone(&windows));
            windows
        });
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.length != length {
            *windows = Windows::new(age, length);
        }
        windows.advance(age);
        windows.current += lifetime;
    }

    /// The clients with more than a hundred live tokens of their own: at most 20, those with the
    /// most first.
    pub(in crate::service) fn clients(&self, age: Duration) -> Vec<HeavyClient> {
        let live = self.clients.iter().map(|(client_id, windows)| {
            let windows = *windows.lock().unwrap_or_else(PoisonError::into_inner);
            HeavyClient { client_id, live_tokens: windows.live(age) }
        });
        let mut many: Vec<_> = live.filter(|client| client.live_tokens > MANY).collect();
        many.sort_by(|one, other| {
            let most = other.live_tokens.cmp(&one.live_tokens);
            most.then_with(|| one.client_id.cmp(&other.client_id))
        });
        many.truncate(NAMED);
        many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(900);

    fn id(number: usize) -> ClientId {
        ClientId::parse(&format!("client-{number}")).expect("a client id")
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_asks_once_a_second_has_as_many_live_tokens_as_they_live_seconds() {
        let minting = TokenRates::new();
        for second in 0..3_000 {
            minting.issued(&id(0), TTL, TTL, at(second));
            minting.issued(&id(1), TTL, TTL / 10, at(second));
            if second % 20 == 0 {
                minting.issued(&id(2), TTL, TTL, at(second));
            }
        }
        let [client] = &*minting.clients(at(3_000)) else { panic!("one of the three") };
        assert_eq!(client.client_id, id(0));
        assert!((895..=905).contains(&client.live_tokens), "{client:?}");
        assert_eq!(minting.clients(at(3_000 + 1_800)), [], "all have expired");
    }

    #[test]
    fn the_twenty_clients_with_the_most_tokens_are_named() {
        let minting = TokenRates::new();
        for number in 0..30 {
            for _ in 0..=100 + number {
                minting.issued(&id(number), TTL, TTL, at(0));
            }
        }
        let named = minting.clients(at(1));
        let tokens: Vec<_> = named.iter().map(|client| client.live_tokens).collect();
        assert_eq!(tokens, (111..=130).rev().collect::<Vec<_>>());
    }
}
