//! How much memory the instances have, from one round of faults to the next.

use crate::common::server::Server;

/// Growth of an instance after its first round that is no leak: caches fill, grants become more.
const MOST_GROWTH: u64 = 64;

/// The instances' resident memory, in MiB, after each round.
#[derive(Default)]
pub(crate) struct Memory {
    rounds: Vec<Vec<u64>>,
}

impl Memory {
    /// Looks at each instance and prints what it has.
    pub(crate) fn look(&mut self, instances: &[Server]) {
        let resident: Vec<u64> =
            instances.iter().map(|instance| mebibytes(instance.pid())).collect();
        println!("memory of the instances after {} rounds: {resident:?} MiB", self.rounds.len());
        self.rounds.push(resident);
    }

    /// Insists that no instance has much more than after the first round.
    pub(crate) fn insist_flat(&self) {
        let (Some(first), Some(last)) = (self.rounds.get(1), self.rounds.last()) else { return };
        for (first, last) in first.iter().zip(last) {
            assert!(*last <= first + MOST_GROWTH, "{first} MiB became {last}: {:?}", self.rounds);
        }
    }
}

/// Returns the resident memory of a process, by the kernel's word.
fn mebibytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kibibytes / 1_024
}
