//! Acknowledgements to one worker, kept outside of all that takes part.

use fastrand::Rng;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use crate::{
    answers::{MAX_STALENESS, answered, introspected},
    common::caller::{Caller, by_password},
    contested::{PATIENCE, is_open},
    pauses::Pauses,
};

/// Grants that a worker keeps alive.
const KEPT: usize = 30;
/// Grants that ended, about, of which a refresh is tried in the end.
const SAMPLE: usize = 5;
/// Tokens of one batch.
const BATCH: usize = 50;

/// The newest tokens of a grant.
#[derive(Clone, Debug)]
struct Pair {
    access: String,
    refresh: String,
}

/// A grant whose end was acknowledged.
struct Ended {
    pair: Pair,
    at: Instant,
}

/// The grants of one worker. Nobody else asks for a change of them.
#[derive(Default)]
pub(crate) struct Facts {
    live: Vec<Pair>,
    /// Asked to end, and not answered yet.
    ending: Vec<Pair>,
    ended: Vec<Ended>,
    /// A contradiction of a fact, in words.
    pub(crate) contradictions: Vec<String>,
    /// Answers that were looked at.
    pub(crate) looked: u64,
    /// Calls without an answer, or refused for now.
    pub(crate) unanswered: u64,
}

impl Facts {
    /// Returns how many grants live and how many have ended.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.live.len(), self.ended.len())
    }

    /// Asks `caller` for one change or one look; `false` if there was no answer.
    pub(crate) async fn go_on(&mut self, caller: &Caller, pauses: &Pauses, dice: &mut Rng) -> bool {
        if let Some(pair) = self.ending.last().cloned() {
            return self.end(caller, &pair, pauses).await;
        }
        match dice.usize(..100) {
            0..25 => self.issue(caller, pauses).await,
            25..50 if !self.live.is_empty() => {
                let at = dice.usize(..self.live.len());
                self.refresh(caller, at, pauses).await
            }
            50..70 if !self.live.is_empty() => {
                let pair = self.live.swap_remove(dice.usize(..self.live.len()));
                self.ending.push(pair.clone());
                self.end(caller, &pair, pauses).await
            }
            _ if self.live.len() > KEPT => {
                let pair = self.live.swap_remove(dice.usize(..self.live.len()));
                self.ending.push(pair.clone());
                self.end(caller, &pair, pauses).await
            }
            _ => self.look(caller, dice).await,
        }
    }

    async fn issue(&mut self, caller: &Caller, pauses: &Pauses) -> bool {
        let answer = timeout(PATIENCE, caller.issue(by_password("bob"))).await;
        let Some(pair) = self.answer("a login", answer) else { return false };
        pauses.wrote();
        self.live.push(Pair { access: pair.access_token, refresh: pair.refresh_token });
        true
    }

    async fn refresh(&mut self, caller: &Caller, at: usize, pauses: &Pauses) -> bool {
        let answer = timeout(PATIENCE, caller.refresh(&self.live[at].refresh)).await;
        let Some(pair) = self.answer("a live grant's refresh", answer) else { return false };
        pauses.wrote();
        self.live[at] = Pair { access: pair.access_token, refresh: pair.refresh_token };
        true
    }

    async fn end(&mut self, caller: &Caller, pair: &Pair, pauses: &Pauses) -> bool {
        let answer = timeout(PATIENCE, caller.revoke(&pair.refresh)).await;
        let Some(()) = self.answer("a revocation", answer) else { return false };
        pauses.wrote();
        self.ending.pop();
        self.ended.push(Ended { pair: pair.clone(), at: Instant::now() });
        true
    }

    /// Looks at one grant, mostly one that has just ended.
    async fn look(&mut self, caller: &Caller, dice: &mut Rng) -> bool {
        let asked = Instant::now();
        let newest = self.ended.len().saturating_sub(dice.usize(1..8));
        let (access, ended) = match self.ended.get(newest) {
            Some(ended) if dice.bool() => (ended.pair.access.clone(), Some(ended.at)),
            _ if self.live.is_empty() => return true,
            _ => (self.live[dice.usize(..self.live.len())].access.clone(), None),
        };
        let answer = timeout(PATIENCE, introspected(caller, &access)).await;
        let Some(told) = self.answer("introspection", answer) else { return false };
        self.judge(told.active, ended, asked);
        true
    }

    /// Compares an answer that was asked for at `asked` with what was acknowledged.
    fn judge(&mut self, active: bool, ended: Option<Instant>, asked: Instant) {
        self.looked += 1;
        match ended {
            None if !active => self.contradictions.push("lost: a live grant is not active".into()),
            Some(at) if active && asked.saturating_duration_since(at) >= MAX_STALENESS => {
                let late = asked - at;
                self.contradictions.push(format!("resurrected: active {late:?} after its end"));
            }
            _ => {}
        }
    }

    fn answer<T>(
        &mut self,
        what: &str,
        answer: Result<Result<T, Status>, tokio::time::error::Elapsed>,
    ) -> Option<T> {
        match answer {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(status)) => {
                self.unanswered += 1;
                if !is_open(&status) {
                    self.contradictions.push(format!("lost: {what} is refused: {status:?}"));
                }
                None
            }
            Err(_) => {
                self.unanswered += 1;
                None
            }
        }
    }

    /// Compares all of it with what an instance says, and has some of the grants that ended refreshed.
    pub(crate) async fn hold_at(&mut self, caller: &Caller) {
        let live: Vec<_> = self.live.iter().map(|pair| (pair.access.clone(), None)).collect();
        let ended = self.ended.iter().map(|ended| (ended.pair.access.clone(), Some(ended.at)));
        let all: Vec<_> = live.into_iter().chain(ended).collect();
        for batch in all.chunks(BATCH) {
            let tokens: Vec<&str> = batch.iter().map(|(access, _)| access.as_str()).collect();
            let asked = Instant::now();
            let told = answered("all facts", async || caller.introspect_all(&tokens).await).await;
            for (told, (_, ended)) in told.iter().zip(batch) {
                self.judge(told.active, *ended, asked);
            }
        }
        let sample: Vec<_> = self
            .ended
            .iter()
            .step_by(self.ended.len() / SAMPLE + 1)
            .map(|e| e.pair.refresh.clone())
            .collect();
        for refresh in sample {
            let refused = async || match caller.refresh(&refresh).await {
                Err(status) if status.code() == Code::Unauthenticated => Ok(true),
                Ok(_) => Ok(false),
                Err(status) => Err(status),
            };
            if !answered("a refusal", refused).await {
                self.contradictions.push("resurrected: an ended grant is refreshed".into());
            }
        }
    }
}
