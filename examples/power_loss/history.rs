//! The ledger's history of one record: the states that the store can show, and the states that it
//! must not.

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The result is unknown: the write may have happened or not.
    Unknown,
    /// The write was acknowledged with this version.
    Done(u64),
    /// The write was refused: it must not have happened.
    Refused,
    /// The result was unknown, and a later opening showed another state: this one must not come
    /// back.
    Settled,
}

/// One attempt to write.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The version to replace.
    pub(crate) expected: Option<u64>,
    /// The new state. `None` for a deletion.
    pub(crate) state: Option<String>,
    /// The write's change in the feed.
    pub(crate) change: Option<String>,
    /// The feed's head before the write: the change is behind this position.
    pub(crate) behind: u64,
    /// The outcome of the write.
    pub(crate) outcome: Outcome,
}

/// All attempts to write one record, and the newest state that a reader was promised.
///
/// The engine's versions of one record grow. The contract does not promise this, so this tool works
/// only for the sled engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    attempts: Vec<Attempt>,
    /// The newest version that was acknowledged or read. 0 for none.
    floor: u64,
    /// `true` if that version is a deletion.
    gone: bool,
}

/// The reason for a wrong state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A newer state was promised.
    Lost(&'static str),
    /// The state was never written.
    Invented(&'static str),
}

impl History {
    /// Notes a write before it is attempted. Returns its index for [`Self::end`].
    pub(crate) fn begin(&mut self, attempt: Attempt) -> usize {
        // The state to replace was read before, and readers see durable states only.
        if let Some(version) = attempt.expected {
            self.promise(version, true);
        }
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    /// Notes the outcome of a write.
    pub(crate) fn end(&mut self, place: usize, outcome: Outcome) {
        let attempt = &mut self.attempts[place];
        attempt.outcome = outcome;
        let exists = attempt.state.is_some();
        if let Outcome::Done(version) = outcome {
            self.promise(version, exists);
        }
    }

    /// Notes that a reader was shown this version.
    pub(crate) fn promise(&mut self, version: u64, exists: bool) {
        if version > self.floor {
            self.floor = version;
            self.gone = !exists;
        }
    }

    /// Notes the state after an opening without writes under way: every unknown outcome is decided.
    pub(crate) fn settle(&mut self, found: Option<(u64, &str)>) {
        for attempt in &mut self.attempts {
            let shown = found.map(|(_, state)| state) == attempt.state.as_deref();
            if attempt.outcome == Outcome::Unknown && !shown {
                attempt.outcome = Outcome::Settled;
            }
        }
        match found {
            Some((version, _)) => self.promise(version, true),
            None => self.gone = true,
        }
    }

    /// Returns `true` if the outcome of a write is unknown.
    pub(crate) fn is_open(&self) -> bool {
        let mut attempts = self.attempts.iter();
        attempts.any(|attempt| attempt.outcome == Outcome::Unknown)
    }

    /// Returns `true` if the record was last known to exist.
    pub(crate) fn exists(&self) -> bool {
        self.floor > 0 && !self.gone
    }

    /// Returns all attempts.
    pub(crate) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Returns the attempt that made `state` with `version`. Of several attempts with the same
    /// state, which happen when two tasks revoke the same access token, returns a possible one.
    pub(crate) fn maker(&self, version: u64, state: &str) -> Option<&Attempt> {
        let makers = self.attempts.iter().filter(|attempt| attempt.state.as_deref() == Some(state));
        makers.max_by_key(|maker| match maker.outcome {
            Outcome::Done(done) if done == version => 4,
            Outcome::Unknown => 3,
            Outcome::Settled => 2,
            Outcome::Done(_) => 1,
            Outcome::Refused => 0,
        })
    }

    /// Judges an existing state.
    pub(crate) fn judge_found(&self, version: u64, state: &str) -> Result<(), Wrong> {
        let Some(maker) = self.maker(version, state) else {
            return Err(Wrong::Invented("was never written"));
        };
        match maker.outcome {
            Outcome::Done(other) if other != version => {
                return Err(Wrong::Invented("has another version than was acknowledged"));
            }
            Outcome::Refused => return Err(Wrong::Invented("was refused")),
            Outcome::Settled => return Err(Wrong::Lost("has come back after it was gone")),
            Outcome::Done(_) | Outcome::Unknown => {}
        }
        if version < self.floor {
            return Err(Wrong::Lost("is older than promised"));
        }
        if version == self.floor && self.gone {
            return Err(Wrong::Lost("bears the version of its deletion"));
        }
        Ok(())
    }

    /// Judges a missing record.
    pub(crate) fn judge_absent(&self) -> Result<(), Wrong> {
        let may_be_deleted = self.attempts.iter().any(|attempt| {
            attempt.state.is_none()
                && attempt.outcome == Outcome::Unknown
                && attempt.expected.is_some_and(|expected| expected >= self.floor)
        });
        if self.exists() && !may_be_deleted {
            return Err(Wrong::Lost("is missing"));
        }
        Ok(())
    }
}
