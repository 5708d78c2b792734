//! Hashing of passwords and chosen secrets with argon2, on threads of its own.
//!
//! Contents: the threads, the form of a hash, the memory of secrets that were verified, and the
//! renewal of hashes of another cost. The callers know the owner of a secret.

pub(super) mod hash_metrics;
pub(super) mod hash_pool;
pub(super) mod phc;
pub(super) mod rehash;
pub(super) mod verified;
