//! Hashes that another system computed: argon2id PHC strings.

use argon2::{ARGON2ID_IDENT, Params, password_hash::phc::PasswordHash as Phc};

use crate::domain::{hash_cost::HashCost, invalid::Invalid};

/// Checks a PHC string: argon2id with salt and hash, at a cost that a login can afford. Returns the
/// whole string, as it is stored.
pub(super) fn check(text: &str) -> Result<Box<str>, Invalid> {
    let fault = Invalid("must be an argon2id PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash");
    let phc = Phc::new(text).map_err(|_| fault)?;
    let params = Params::try_from(&phc).map_err(|_| fault)?;
    let current = phc.version.is_some_and(|version| version == 19);
    if phc.algorithm != ARGON2ID_IDENT || !current || phc.salt.is_none() || phc.hash.is_none() {
        return Err(fault);
    }
    let cost = HashCost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    };
    if !cost.is_affordable() {
        return Err(Invalid("must cost at most 1 GiB, 64 iterations and 16 lanes"));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_AND_HASH: &str =
        "c29tZXNhbHRzb21lc2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn only_affordable_argon2id_is_taken() {
        let hash = |start: &str| format!("{start}${SALT_AND_HASH}");
        assert!(check(&hash("$argon2id$v=19$m=19456,t=2,p=1")).is_ok());
        for start in [
            "$argon2i$v=19$m=19456,t=2,p=1",
            "$argon2id$v=16$m=19456,t=2,p=1",
            "$argon2id$m=19456,t=2,p=1",
            "$argon2id$v=19$m=4,t=2,p=1",
            "$argon2id$v=19$m=4194304,t=2,p=1",
            "$argon2id$v=19$m=19456,t=65,p=1",
            "$argon2id$v=19$m=19456,t=2,p=17",
        ] {
            assert!(check(&hash(start)).is_err(), "{start}");
        }
        for text in
            ["", "hunter2", "$argon2id$v=19$m=19456,t=2,p=1", "$2b$12$abcdefghijklmnopqrstuv"]
        {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
