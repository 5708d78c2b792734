//! Hashing of passwords and chosen secrets with argon2, on threads of its own.
//!
//! What belongs here: the threads, the form of a hash, the memory of secrets that were verified, and the
//! renewal of hashes of another cost. Whose secret it is, the callers know.

pub(super) mod hash_metrics;
pub(super) mod hash_pool;
pub(super) mod phc;
pub(super) mod rehash;
pub(super) mod verified;
