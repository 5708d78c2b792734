//! `[passwords]`: what hashing a password or a chosen secret costs.

use std::num::NonZeroUsize;

use bytesize::ByteSize;

use super::{fields::Fields, size};
use crate::domain::invalid::Invalid;

/// `[passwords]`: the parameters of argon2id and how many threads compute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Memory of one hash, in KiB: at least 8 a lane, at most [`Self::MAX_MEMORY_KIB`]. Default
    /// 19 MiB.
    pub memory_kib: u32,
    /// Passes over the memory: 1 to [`Self::MAX_ITERATIONS`], default 2.
    pub iterations: u32,
    /// Lanes: 1 to [`Self::MAX_PARALLELISM`], default 1.
    pub parallelism: u32,
    /// Threads that hash, and so hashes at a time: at most 1024. `None` leaves it to the number of
    /// cores.
    pub threads: Option<NonZeroUsize>,
}

impl PasswordSettings {
    /// Most memory a hash may ask for, in settings or in a PHC string: 1 GiB.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// Most passes.
    pub const MAX_ITERATIONS: u32 = 64;
    /// Most lanes.
    pub const MAX_PARALLELISM: u32 = 16;
    /// RFC 9106 §3.1: 8 KiB a lane at least.
    const MIN_LANE_KIB: u32 = 8;

    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let default = Self::default();
        let memory = fields.text("memory", size::FORM, memory_kib);
        let iterations = fields.count("iterations", Self::MAX_ITERATIONS);
        let parallelism = fields.count("parallelism", Self::MAX_PARALLELISM);
        let threads = fields.count("threads", 1024);

        let lanes = parallelism.map_or(default.parallelism, |lanes| lanes.value);
        if let Some(memory) = memory.filter(|kib| kib.value < lanes * Self::MIN_LANE_KIB) {
            fields.fault(
                memory.at,
                "memory",
                "must be at least 8KiB for each of parallelism",
            );
        }
        Self {
            memory_kib: memory.map_or(default.memory_kib, |memory| memory.value),
            iterations: iterations.map_or(default.iterations, |iterations| iterations.value),
            parallelism: lanes,
            threads: threads
                .and_then(|threads| usize::try_from(threads.value).ok())
                .and_then(NonZeroUsize::new),
        }
    }
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            parallelism: 1,
            threads: None,
        }
    }
}

fn memory_kib(text: &str) -> Result<u32, Invalid> {
    let ByteSize(bytes) = size::any(text)?;
    u32::try_from(bytes / 1024)
        .ok()
        .filter(|kib| (8..=PasswordSettings::MAX_MEMORY_KIB).contains(kib))
        .ok_or(Invalid("must be 8KiB to 1GiB"))
}
