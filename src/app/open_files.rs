//! Number of connections that fit into the files that the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are no connection: the store's, the log's, probes. A process that
/// may open few gives connections half of them.
const OTHERS: u64 = 256;

/// Returns the number of connections for each of the two listeners, if the settings say `wanted`
/// and other listeners have `aside`. The store must never find that connections have taken every
/// descriptor: it would have to stop.
pub(super) fn most_connections(wanted: u32, aside: u32) -> u32 {
    let Some(files) = open_files() else { return wanted };
    let others = (OTHERS + u64::from(aside)).min(files / 2);
    let fitting = u32::try_from((files - others) / 2).unwrap_or(u32::MAX).max(1);
    if fitting < wanted {
        tracing::warn!(
            open_files = files,
            connections = fitting,
            wanted,
            "each listener takes fewer connections than limits.connections: the process may not \
             open more files"
        );
    }
    wanted.min(fitting)
}

/// Returns the number of files that the process may open, after raising it to the system's limit;
/// `None` for any number.
fn open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum;
    }
    current
}
