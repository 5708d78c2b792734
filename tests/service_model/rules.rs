//! The rules of a grant in plain words: what a token is good for, and what presenting it does.

use std::time::Duration;

use jeton::domain::{grant_id::GrantId, time::Timestamp};

pub(crate) const ACCESS: Duration = Duration::from_secs(900);
pub(crate) const REFRESH: Duration = Duration::from_secs(7_200);
pub(crate) const GRANT: Duration = Duration::from_secs(40_000);
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
pub(crate) const OVERLAP: Duration = Duration::from_secs(60);

/// The shortest life of an access token that is answered.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);

/// One pair of tokens, as its holder has it.
#[derive(Clone)]
pub(crate) struct Pair {
    pub access: String,
    pub refresh: Option<String>,
    pub made: Timestamp,
    pub access_revoked: bool,
    pub narrowed: bool,
}

/// One grant, as the rules see it.
pub(crate) struct GrantModel {
    pub id: GrantId,
    pub client: usize,
    /// `None`: the client itself.
    pub user: Option<usize>,
    pub client_epoch: u64,
    pub user_epoch: u64,
    pub pairs: Vec<Pair>,
    pub end: Timestamp,
    pub ended: bool,
    /// The sweeper has freed it: no clock brings it back.
    pub freed: bool,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Expected {
    Rotated,
    Repeated,
    OtherScopes,
    Refused,
    Ends,
}

impl GrantModel {
    /// From when on nothing of it can be used any more.
    pub(crate) fn spent(&self) -> Timestamp {
        let newest = &self.pairs[self.newest()];
        let life = if newest.refresh.is_some() { REFRESH } else { ACCESS };
        if self.ended { self.end } else { newest.made.after(life).min(self.end) }
    }

    pub(crate) fn newest(&self) -> usize {
        self.pairs.len() - 1
    }

    pub(crate) fn on_refresh(
        &self,
        at: usize,
        narrowed: bool,
        alive: bool,
        now: Timestamp,
    ) -> Expected {
        if !alive {
            return Expected::Refused;
        }
        let newest = self.newest();
        if at == newest {
            let idle_end = self.pairs[at].made.after(REFRESH).min(self.end);
            let worth = self.end.since(now) >= SHORTEST;
            return if now < idle_end && worth { Expected::Rotated } else { Expected::Refused };
        }
        let successor = &self.pairs[newest];
        if at + 1 < newest || now.since(successor.made) >= WINDOW {
            return Expected::Ends;
        }
        if successor.made.since(now) > WINDOW || successor.access_revoked {
            return Expected::Refused;
        }
        if narrowed != successor.narrowed {
            return Expected::OtherScopes;
        }
        let left = successor.made.after(ACCESS).min(self.end).since(now);
        if left >= SHORTEST { Expected::Repeated } else { Expected::Refused }
    }

    pub(crate) fn access_is_good(&self, at: usize, alive: bool, now: Timestamp) -> bool {
        let (pair, newest) = (&self.pairs[at], self.newest());
        let in_time = now < pair.made.after(ACCESS).min(self.end);
        let overlaps = at + 1 == newest && now < self.pairs[newest].made.after(OVERLAP);
        alive && !pair.access_revoked && in_time && (at == newest || overlaps)
    }

    pub(crate) fn refresh_is_good(&self, at: usize, alive: bool, now: Timestamp) -> bool {
        let in_time = now < self.pairs[at].made.after(REFRESH).min(self.end);
        alive && at == self.newest() && self.pairs[at].refresh.is_some() && in_time
    }

    pub(crate) fn revoke_access(&mut self, at: usize, by_refresh_token: bool) {
        let newest = self.newest();
        for recorded in newest.saturating_sub(1)..=newest {
            self.pairs[recorded].access_revoked |= by_refresh_token || recorded == at;
        }
    }
}
