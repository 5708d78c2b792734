//! Resources of the process itself: signals, the way to its service manager, descriptors.

use rustix::process::{Resource, getrlimit};

use super::{
    super::{hangup::Hangups, service_manager::ServiceManager, signals::StopSignals},
    finding::Findings,
    refusal::{Refusal, system},
    step::{Nothing, Seen, Step},
};

/// Descriptors that a few hundred connections, the store and the listeners take.
const FEW_DESCRIPTORS: u64 = 4096;

/// Files that a server reads again at SIGHUP.
const READ_AGAIN: &str = "server keys, certificates, keys of issuers and [log]";

/// Begins to listen to signals, and to talk to the service manager.
pub(in crate::app) struct Process(());

/// Signals to the process, and its messages to the service manager.
pub(in crate::app) struct Outside {
    pub(in crate::app) signals: StopSignals,
    pub(in crate::app) hangups: Hangups,
    pub(in crate::app) manager: ServiceManager,
}

impl Process {
    pub(super) const fn step() -> Self {
        Self(())
    }
}

impl Step for Process {
    type Given = Nothing;
    type Made = Outside;

    /// Checks the number of files and connections that this process may have; the server's limit
    /// may be another. Signals are left alone: a process that has listened to them once is not
    /// ended by them any more.
    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        match getrlimit(Resource::Nofile).current {
            Some(limit) if limit < FEW_DESCRIPTORS => {
                let found = format!("{limit} at most, and each connection takes one");
                findings.warn("descriptors", found, "raise it: ulimit -n, LimitNOFILE=");
            }
            Some(limit) => findings.good("descriptors", format!("{limit} at most")),
            None => findings.good("descriptors", "without limit"),
        }
    }

    async fn take(self, _: Nothing) -> Result<Outside, Refusal> {
        Ok(Outside {
            signals: StopSignals::listen().map_err(|error| system("signals", error))?,
            hangups: Hangups::listen(READ_AGAIN).map_err(|error| system("signals", error))?,
            manager: ServiceManager::start().map_err(|error| system("a thread", error))?,
        })
    }
}
