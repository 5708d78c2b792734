//! Faults of the formation, and their repair.

use crate::{common::caller::by_password, contest::Fleet, formation::Formation, pauses::Pauses};

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9 of the primary and its keeper.
    PrimaryKilled,
    /// kill -9 of a standby and its keeper.
    StandbyKilled,
    /// kill -9 of the monitor.
    MonitorKilled,
    /// The primary's cable is out, and that of the instance beside it.
    PrimaryCutOff,
    /// No space is left for the primary, neither for tables nor for its log.
    DiskFull,
}

/// All of them, in the order of a round.
pub(crate) const FAULTS: [Fault; 5] = [
    Fault::PrimaryKilled,
    Fault::StandbyKilled,
    Fault::MonitorKilled,
    Fault::PrimaryCutOff,
    Fault::DiskFull,
];

/// Writes that are acknowledged after a fault before it is mended.
const AFTER: u64 = 100;

/// The repair of a fault.
pub(crate) struct Mending {
    pub(crate) node: String,
    pub(crate) verb: &'static str,
}

impl Fault {
    /// Does it, and waits until writes are acknowledged again.
    pub(crate) async fn strike(
        self,
        formation: &Formation,
        fleet: &Fleet,
        pauses: &Pauses,
    ) -> Mending {
        let primary = formation.primary();
        let mending = match self {
            Self::PrimaryKilled => harm(formation, primary.clone(), "kill", "run"),
            Self::StandbyKilled => harm(formation, formation.standby().into(), "kill", "run"),
            Self::MonitorKilled => harm(formation, "monitor".into(), "kill", "run"),
            Self::PrimaryCutOff => harm(formation, primary.clone(), "cut", "mend"),
            Self::DiskFull => {
                let mending = harm(formation, primary.clone(), "fill", "free");
                refused_for_space(formation, &primary, fleet).await;
                formation.do_to(&primary, "burst");
                mending
            }
        };
        if !matches!(self, Self::StandbyKilled | Self::MonitorKilled) {
            formation.replace(&mending.node);
        }
        pauses.more(AFTER).await;
        mending
    }
}

fn harm(formation: &Formation, node: String, verb: &str, mending: &'static str) -> Mending {
    formation.do_to(&node, verb);
    Mending { node, verb: mending }
}

/// Waits until a login is refused because there is no space, as with a disk of jeton's own, or the node has
/// ended of it and another takes writes. A checkpoint gives space back, which is taken again.
async fn refused_for_space(formation: &Formation, full: &str, fleet: &Fleet) {
    for at in (0..fleet.len()).cycle() {
        formation.do_to(full, "fill");
        match fleet.caller(at).issue(by_password("alice")).await {
            Err(status) if status.message().contains("space") => return,
            _ if formation.primary() != full => return,
            _ => {}
        }
    }
}
