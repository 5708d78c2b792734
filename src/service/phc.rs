//! argon2id hashes as PHC strings: made with the cost of the settings, checked with their own cost within bounds.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq as _;

use crate::domain::{invalid::Invalid, secret::Secret};

const OUTPUT_BYTES: usize = 32;

/// What one hash costs. The default is OWASP's minimum: 19 MiB, 2 passes, 1 lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, parallelism: 1 }
    }
}

impl HashCost {
    /// The most that a stored hash may cost to check: an imported one must not stall the pool.
    pub const LIMIT: Self = Self { memory_kib: 256 * 1024, iterations: 16, parallelism: 8 };

    fn within_limit(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.parallelism <= Self::LIMIT.parallelism
    }

    fn params(self) -> Result<Params, Invalid> {
        const FAULT: Invalid = Invalid("argon2 cannot work with that cost");
        if !self.within_limit() {
            return Err(Invalid("the cost is beyond 256 MiB, 16 iterations and 8 lanes"));
        }
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(OUTPUT_BYTES))
            .map_err(|_| FAULT)
    }

    /// Checks that argon2 can work with this cost.
    ///
    /// # Errors
    /// When it is beyond [`Self::LIMIT`] or argon2's own bounds.
    pub fn check(self) -> Result<(), Invalid> {
        self.params().map(drop)
    }
}

/// Working memory that is kept from hash to hash.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, params: &Params) -> &mut [Block] {
        let count = params.block_count();
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }
}

fn run(
    params: Params,
    secret: &Secret,
    salt: &[u8],
    memory: &mut Memory,
) -> Result<[u8; OUTPUT_BYTES], Invalid> {
    let mut output = [0; OUTPUT_BYTES];
    let blocks = memory.blocks(&params);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret.expose().as_bytes(), salt, &mut output, blocks)
        .map_err(|_| Invalid("argon2 refused its input"))?;
    Ok(output)
}

/// Hashes `secret` with `cost` and `salt` into a PHC string.
pub(super) fn hash(
    secret: &Secret,
    cost: HashCost,
    salt: [u8; 16],
    memory: &mut Memory,
) -> Result<Box<str>, Invalid> {
    let output = run(cost.params()?, secret, &salt, memory)?;
    assemble(cost, &salt, &output)
}

/// Writes a cost, a salt and a hash as a PHC string.
pub(super) fn assemble(cost: HashCost, salt: &[u8], hash: &[u8]) -> Result<Box<str>, Invalid> {
    const FAULT: Invalid = Invalid("the hash cannot be written as a PHC string");
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&cost.params()?).map_err(|_| FAULT)?,
        salt: Some(Salt::new(salt).map_err(|_| FAULT)?),
        hash: Some(Output::new(hash).map_err(|_| FAULT)?),
    };
    Ok(phc.to_string().into())
}

/// Whether `secret` is the one behind the PHC string; an unusable string matches nothing.
pub(super) fn verify(secret: &Secret, phc: &str, memory: &mut Memory) -> Result<bool, Invalid> {
    let (params, salt, expected) = parse(phc)?;
    let output = run(params, secret, salt.as_ref(), memory)?;
    Ok(output.ct_eq(expected.as_bytes()).into())
}

/// Checks that a PHC string is one that [`verify`] can work with.
///
/// # Errors
/// When it is not argon2id version 19 with a 32-byte hash and a cost within [`HashCost::LIMIT`].
pub(super) fn check(phc: &str) -> Result<(), Invalid> {
    parse(phc).map(drop)
}

fn parse(phc: &str) -> Result<(Params, Salt, Output), Invalid> {
    const FAULT: Invalid = Invalid("must be an argon2id PHC string: version 19, 32-byte hash");
    let parsed = PasswordHash::new(phc).map_err(|_| FAULT)?;
    let argon2id = parsed.algorithm == Algorithm::Argon2id.ident();
    if !argon2id || parsed.version != Some(Version::V0x13.into()) {
        return Err(FAULT);
    }
    let (salt, hash) = parsed.salt.zip(parsed.hash).ok_or(FAULT)?;
    let params = Params::try_from(&parsed).map_err(|_| FAULT)?;
    let cost = HashCost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    };
    if hash.as_bytes().len() != OUTPUT_BYTES {
        return Err(FAULT);
    }
    Ok((cost.params()?, salt, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };

    #[test]
    fn a_hash_recognises_its_secret_and_no_other() {
        let mut memory = Memory::default();
        let phc = hash(&Secret::new("right"), CHEAP, [1; 16], &mut memory).expect("a hash");
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert_eq!(verify(&Secret::new("right"), &phc, &mut memory), Ok(true));
        assert_eq!(verify(&Secret::new("wrong"), &phc, &mut memory), Ok(false));
    }

    /// Made by the reference implementation's command line tool.
    #[test]
    fn hashes_of_other_implementations_are_understood() {
        let phc = "REFERENCE_PHC";
        assert_eq!(verify(&Secret::new("password"), phc, &mut Memory::default()), Ok(true));
    }

    #[test]
    fn hashes_beyond_the_bounds_or_of_other_kinds_are_refused() {
        let hash = "c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaasQfMIoQ3Z/U7yGg";
        for phc in [
            String::new(),
            "plain".into(),
            format!("$argon2i$v=19$m=8,t=1,p=1${hash}"),
            format!("$argon2id$v=16$m=8,t=1,p=1${hash}"),
            format!("$argon2id$v=19$m=1048576,t=1,p=1${hash}"),
            format!("$argon2id$v=19$m=8,t=1000,p=1${hash}"),
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c2hvcnQ".into(),
        ] {
            assert!(check(&phc).is_err(), "{phc}");
        }
    }
}
