//! One grant that several callers fight over, with the history of it.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use jeton::domain::token::Token;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use crate::{
    answers::{answered, introspected},
    common::caller::{Caller, by_password},
    history::{Answered, Asked, Operation},
};

/// Longer than a call is waited for: what has no answer by then may happen yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// One grant, what is known of it and what was asked of it.
pub(crate) struct Contested {
    pub(crate) subject: String,
    /// By generation: access and refresh token.
    pairs: Mutex<BTreeMap<u32, (String, String)>>,
    pub(crate) history: Mutex<Vec<Operation>>,
    pub(crate) began: Instant,
}

impl Contested {
    pub(crate) async fn issue(caller: &Caller, began: Instant) -> Self {
        let login = answered("a login", async || caller.issue(by_password("alice")).await);
        let login = login.await;
        let told =
            answered("introspection", async || introspected(caller, &login.access_token).await)
                .await;
        let pairs = BTreeMap::from([(0, (login.access_token, login.refresh_token))]);
        Self { subject: told.subject, pairs: Mutex::new(pairs), history: Mutex::default(), began }
    }

    /// The newest pair that anybody has seen, or one before it.
    pub(crate) fn pair(&self, back: u32) -> (u32, (String, String)) {
        let pairs = self.pairs.lock().expect("no panic");
        let newest = *pairs.keys().next_back().expect("one");
        let generation = newest.saturating_sub(back);
        let found = pairs.range(..=generation).next_back().expect("the first");
        (*found.0, found.1.clone())
    }

    /// Takes note of a pair; insists that no other one is of the same generation.
    fn learn(&self, access: &str, refresh: &str) -> u32 {
        let generation = Token::parse(refresh).expect("a token").generation;
        let pair = (access.to_owned(), refresh.to_owned());
        let mut pairs = self.pairs.lock().expect("no panic");
        let known = pairs.entry(generation).or_insert_with(|| pair.clone());
        assert_eq!(*known, pair, "two successors of generation {generation}");
        generation
    }

    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        asked: Asked,
        tokens: &(String, String),
    ) -> Answered {
        let began = self.began.elapsed();
        let answered = match asked {
            Asked::Refresh(_) => {
                let answer = timeout(PATIENCE, caller.refresh(&tokens.1)).await;
                told(answer, |pair| {
                    Answered::Pair(self.learn(&pair.access_token, &pair.refresh_token))
                })
            }
            Asked::Introspect(_) => {
                let answer = timeout(PATIENCE, introspected(caller, &tokens.0)).await;
                told(answer, |answer| Answered::Active(answer.active))
            }
            Asked::End => {
                let answer = timeout(PATIENCE, caller.revoke(&tokens.1)).await;
                told(answer, |()| Answered::Ended)
            }
        };
        self.note(asked, answered, began);
        answered
    }

    pub(crate) fn note(&self, asked: Asked, answered: Answered, began: Duration) {
        // A question that was not answered has changed nothing.
        if matches!((asked, answered), (Asked::Introspect(_), Answered::Nothing)) {
            return;
        }
        let ended = self.began.elapsed();
        let operation = Operation { asked, answered, began, ended };
        self.history.lock().expect("no panic").push(operation);
    }
}

/// Codes that leave it open whether something was done.
const NOTHING: [Code; 6] = [
    Code::Unavailable,
    Code::Unknown,
    Code::Cancelled,
    Code::DeadlineExceeded,
    Code::Aborted,
    Code::ResourceExhausted,
];

/// Returns whether it is open whether something was done: the code says so, or the connection broke.
pub(crate) fn is_open(status: &Status) -> bool {
    let broken = std::error::Error::source(status)
        .is_some_and(<dyn std::error::Error>::is::<tonic::transport::Error>);
    broken || NOTHING.contains(&status.code())
}

/// Returns the result of a call. A connection that breaks or a store that does not know leaves
/// nothing known.
pub(crate) fn told<T>(
    answer: Result<Result<T, Status>, tokio::time::error::Elapsed>,
    done: impl FnOnce(T) -> Answered,
) -> Answered {
    match answer {
        Ok(Ok(answer)) => done(answer),
        Ok(Err(status)) if status.code() == Code::Unauthenticated => Answered::Refused,
        Ok(Err(status)) => {
            assert!(is_open(&status), "{status:?}");
            Answered::Nothing
        }
        Err(_) => Answered::Nothing,
    }
}
