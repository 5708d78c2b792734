//! Why a value was refused by its type.

use thiserror::Error;

/// What the value should have been. Never holds the value itself: it may be a secret, and error
/// text never echoes input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);
