//! `[tokens]`: the tolerance of rotations.

use std::time::Duration;

use crate::{
    config::{
        fields::Fields,
        section::section,
        value::{any, at_most},
    },
    domain::policy::RotationPolicy,
};

section! {
    /// The tolerance of rotations.
    pub(in crate::config) struct Tokens in "tokens" {
        /// Time in which a refresh can be repeated; 0s is strict.
        ///
        /// The same refresh token then returns the same answer again, so that a client that lost the answer
        /// can ask once more.
        retry_window: Duration = at_most(RotationPolicy::MAX_RETRY_WINDOW)
            .or(RotationPolicy::default().retry_window)
            .flag("retry-window", "DURATION"),
        /// Time that an access token outlives its rotation.
        ///
        /// It never outlives its own expiry.
        access_overlap: Duration = any()
            .or(RotationPolicy::default().access_overlap)
            .flag("access-overlap", "DURATION"),
    }
}

/// Reads the section.
pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> RotationPolicy {
    let Tokens { retry_window, access_overlap } = Tokens::read_all(fields);
    RotationPolicy { retry_window, access_overlap }
}
