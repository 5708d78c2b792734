//! The allocator of the program, and its one option.

#![expect(
    unsafe_code,
    reason = "the allocator's options have no safe interface, and by default it keeps a third more under attack"
)]

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// Each call takes memory and gives it back dozens of times, which took the system's allocator a ninth
/// of the time of introspection. In a static build this stands for musl's, which has one lock for
/// all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The option `purge_delay` of `mimalloc.h`.
const PURGE_DELAY: mi_option_t = 15;

/// Milliseconds after which free memory is the system's again. The default is a second, in which a crowd of
/// peers that comes and goes takes new memory again and again.
const PURGE_AFTER_MS: c_long = 10;

/// Sets the option, for the rest of the process.
pub(crate) fn set_up() {
    // SAFETY: the function stores a number in a table of the allocator's own, at any time.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_AFTER_MS) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_option_is_the_delay_of_the_allocator_that_is_linked() {
        // SAFETY: the function reads a number of the same table.
        let by_default = unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(
            by_default, 1_000,
            "another release of mimalloc: look the option up in mimalloc.h"
        );
        set_up();
        // SAFETY: as above.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, PURGE_AFTER_MS);
    }
}
