//! `[tokens]`: the tolerance of rotations.

use super::{duration, fields::Fields, overrides::Overrides};
use crate::domain::policy::RotationPolicy;

/// Reads the section. `retry_window` is 0s (strict) to 5m, default 60s; `access_overlap` defaults
/// to 60s.
pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> RotationPolicy {
    let default = RotationPolicy::default();
    let retry_window = fields.text("retry_window", duration::FORM, duration::retry_window);
    let access_overlap = fields.text("access_overlap", duration::FORM, duration::any);
    RotationPolicy {
        retry_window: overrides
            .retry_window
            .or_else(|| retry_window.map(|window| window.value))
            .unwrap_or(default.retry_window),
        access_overlap: overrides
            .access_overlap
            .or_else(|| access_overlap.map(|overlap| overlap.value))
            .unwrap_or(default.access_overlap),
    }
}
