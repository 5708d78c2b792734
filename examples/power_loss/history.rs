//! What the ledger says of one record: which of its states the store may show, and which it must not.

/// How a write that was tried came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nobody knows: it may have happened or not.
    Unknown,
    /// It was acknowledged with this version.
    Done(u64),
    /// It was refused: it must not have happened.
    Refused,
    /// Nobody knew, and a later opening showed another state: it must not come back.
    Settled,
}

/// One write that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The version it was to replace.
    pub(crate) expected: Option<u64>,
    /// The new state; `None` for a deletion.
    pub(crate) state: Option<String>,
    /// The change that it puts into the feed.
    pub(crate) change: Option<String>,
    /// How far the feed went before: the change is behind this place.
    pub(crate) behind: u64,
    /// How it came out.
    pub(crate) outcome: Outcome,
}

/// Everything tried on one record, and the newest state that somebody was promised.
///
/// The engine's versions of one record grow, which the contract does not promise and which is why
/// this tool is the sled engine's alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    attempts: Vec<Attempt>,
    /// The newest version that was acknowledged or read; 0 for none.
    floor: u64,
    /// Whether that version is a deletion.
    gone: bool,
}

/// Why a state must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A newer one was promised.
    Lost(&'static str),
    /// Nobody wrote it.
    Invented(&'static str),
}

impl History {
    /// Notes a write that is about to be tried; its place, for [`Self::end`].
    pub(crate) fn begin(&mut self, attempt: Attempt) -> usize {
        // What is to be replaced had been read, and readers see durable states only.
        if let Some(version) = attempt.expected {
            self.promise(version, true);
        }
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    /// Notes how a write came out.
    pub(crate) fn end(&mut self, place: usize, outcome: Outcome) {
        let attempt = &mut self.attempts[place];
        attempt.outcome = outcome;
        let exists = attempt.state.is_some();
        if let Outcome::Done(version) = outcome {
            self.promise(version, exists);
        }
    }

    /// Notes that somebody was shown this version.
    pub(crate) fn promise(&mut self, version: u64, exists: bool) {
        if version > self.floor {
            self.floor = version;
            self.gone = !exists;
        }
    }

    /// Notes what an opening showed while nothing was under way: all that was unknown is decided.
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

    /// Whether a write's outcome is unknown.
    pub(crate) fn is_open(&self) -> bool {
        let mut attempts = self.attempts.iter();
        attempts.any(|attempt| attempt.outcome == Outcome::Unknown)
    }

    /// Whether the record was last known to exist.
    pub(crate) fn exists(&self) -> bool {
        self.floor > 0 && !self.gone
    }

    /// All that was tried.
    pub(crate) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The write that made `state` with `version`. Of writes to the same state, which happen when
    /// two revoke the same access token, one that can have.
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

    /// Judges a state that is there.
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

    /// Judges that there is nothing.
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
