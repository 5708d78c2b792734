//! Runs calls into sled that can meet damaged data: turns panics into errors and applies a time
//! limit.

use std::{
    panic,
    sync::{
        Once,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::OpenError;

/// Maximum time of an opening. The largest store measured takes seconds. If one of sled's threads
/// dies of damaged data, another can wait for it forever.
const LIMIT: Duration = Duration::from_secs(15 * 60);

const THREAD: &str = "opening";

/// Time for which the thread stays alive after it has opened the store. sled allocates whole
/// segments of memory to read at its start. The allocator returns memory that was free for a
/// second, but checks only when memory is freed or a thread ends, and an idle process does neither:
/// without this wait it can keep a segment forever.
const STAY: Duration = Duration::from_millis(1_500);

/// Runs `open` on its own thread.
pub(super) fn guarded<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    within(LIMIT, open)
}

fn within<T: Send + 'static>(
    limit: Duration,
    open: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    say_panics_of_sled_in_the_log();
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name(THREAD.into()).spawn(move || {
        if tell.send(open()).is_ok() {
            stay();
        }
    })?;
    told.recv_timeout(limit).unwrap_or_else(|error| {
        Err(OpenError::damaged(match error {
            RecvTimeoutError::Timeout => "sled does not come to an end with it",
            RecvTimeoutError::Disconnected => "sled cannot make sense of it",
        }))
    })
}

#[expect(clippy::disallowed_methods, reason = "nobody waits for this thread")]
fn stay() {
    thread::sleep(STAY);
}

/// Logs a panic within sled by its location only, without the data that sled had read. All other
/// panics are reported as usual.
fn say_panics_of_sled_in_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let opening = thread::current().name() == Some(THREAD);
            if opening || is_sleds(&location) {
                tracing::error!(%location, "sled gave up on what it read or wrote");
            } else {
                others(panic);
            }
        }));
    });
}

/// Returns `true` if a source file is sled's, from a registry or a vendored copy.
fn is_sleds(location: &str) -> bool {
    ["/sled-0.34", "/sled/src/"].iter().any(|part| location.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_or_hangs_is_an_error() {
        let panics = within(LIMIT, || -> Result<(), _> { panic!("of what it read") });
        let error = panics.expect_err("an error").to_string();
        assert!(error.contains("cannot make sense of it"), "{error}");

        let (_hold, never) = mpsc::channel::<()>();
        let hangs = within(Duration::from_millis(1), move || {
            let _hung = never.recv();
            Ok(())
        });
        let error = hangs.expect_err("an error").to_string();
        assert!(error.contains("does not come to an end"), "{error}");
    }

    #[test]
    fn sleds_sources_are_known_by_their_path() {
        for (location, sleds) in [
            ("/registry/src/index-1/sled-0.34.7/src/pagecache/mod.rs:2047:33", true),
            ("vendor/sled/src/tree.rs:1:1", true),
            ("src/store/sled/committer.rs:1:1", false),
        ] {
            assert_eq!(is_sleds(location), sleds, "{location}");
        }
    }
}
