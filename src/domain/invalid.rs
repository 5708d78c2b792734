//! Refusal of a value by its type.

use thiserror::Error;

/// The rule that the value violates. Never holds the value itself: it can be a secret, and error
/// text never echoes input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);
