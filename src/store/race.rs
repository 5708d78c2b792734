//! Changes that others may get ahead of: read, decide, write, and again until no other write came between.

use std::future::Future;

use super::WriteError;
use crate::domain::error::Error;

/// Number of lost races for one record before the caller sees contention. Each loss means that
/// another caller's write succeeded, so this many losses in a row take as many concurrent writers
/// of one grant.
const MAX_RACES: usize = 128;

/// Every attempt lost its race.
#[derive(Clone, Copy, Debug)]
pub struct Contention;

impl From<Contention> for WriteError {
    fn from(_: Contention) -> Self {
        Self::Conflict
    }
}

impl From<Contention> for Error {
    fn from(_: Contention) -> Self {
        Self::Conflict
    }
}

/// Reads, decides and writes until no other write came between: `attempt` returns `None` if one did
/// (see [`won`]).
///
/// # Errors
/// Those of `attempt`, and [`Contention`] after 128 lost races.
pub async fn race<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<Option<T>, E>>,
    E: From<Contention>,
{
    for _ in 0..MAX_RACES {
        if let Some(answer) = attempt().await? {
            return Ok(answer);
        }
    }
    Err(Contention.into())
}

/// Returns the result of a write that may have lost its race: `None` if another write came first.
///
/// # Errors
/// Every error but [`WriteError::Conflict`].
pub fn won<T>(written: Result<T, WriteError>) -> Result<Option<T>, WriteError> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(WriteError::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_lost_race_is_run_again_until_it_is_won() {
        let mut left = 3;
        let won = race(|| {
            left -= 1;
            ready(won(if left > 0 { Err(WriteError::Conflict) } else { Ok("won") }))
        });
        assert_eq!(won.await, Ok("won"));
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn who_loses_every_race_sees_contention_and_another_error_ends_at_once() {
        let mut tried = 0;
        let lost: Result<(), WriteError> = race(|| {
            tried += 1;
            ready(Ok(None))
        })
        .await;
        assert_eq!((lost, tried), (Err(WriteError::Conflict), MAX_RACES));
        let busy = race(|| ready(won::<()>(Err(WriteError::Busy))));
        assert_eq!(busy.await, Err(WriteError::Busy));
        let lost: Result<(), Error> = race(|| ready(Ok(None))).await;
        assert_eq!(lost, Err(Error::Conflict));
    }
}
