//! argon2id hashes as PHC strings: made with the cost of the settings, checked with their own cost within bounds.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq as _;

use crate::domain::{hash_cost::HashCost, invalid::Invalid, secret::Secret};

const OUTPUT_BYTES: usize = 32;

/// Working memory that is kept from hash to hash.
#[derive(Default)]
pub(in crate::service) struct Memory(Vec<Block>);

impl Memory {
    /// Gives back what is beyond `kib`, which one costly hash needed and the next ones do not.
    pub(in crate::service) fn trim(&mut self, kib: u32) {
        let keep = usize::try_from(kib).unwrap_or(usize::MAX);
        if self.0.len() > keep {
            self.0.truncate(keep);
            self.0.shrink_to_fit();
        }
    }

    /// Returns the size in KiB, which is one block of argon2.
    #[cfg(test)]
    pub(in crate::service) fn kib(&self) -> usize {
        self.0.len()
    }

    fn blocks(&mut self, params: &Params) -> &mut [Block] {
        let count = params.block_count();
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }
}

/// The parameters behind a cost.
///
/// # Errors
/// When the cost is beyond [`HashCost::LIMIT`] or argon2's own bounds.
pub(in crate::service) fn params(cost: HashCost, output_bytes: usize) -> Result<Params, Invalid> {
    if !cost.is_affordable() {
        return Err(Invalid("the cost is beyond 1 GiB, 64 iterations and 16 lanes"));
    }
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output_bytes))
        .map_err(|_| Invalid("argon2 cannot work with that cost"))
}

fn run(
    params: Params,
    secret: &Secret,
    salt: &[u8],
    memory: &mut Memory,
) -> Result<Vec<u8>, Invalid> {
    let mut output = vec![0; params.output_len().unwrap_or(OUTPUT_BYTES)];
    let blocks = memory.blocks(&params);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret.expose().as_bytes(), salt, &mut output, blocks)
        .map_err(|_| Invalid("argon2 refused its input"))?;
    Ok(output)
}

/// Hashes `secret` with `cost` and `salt` into a PHC string.
pub(in crate::service) fn hash(
    secret: &Secret,
    cost: HashCost,
    salt: [u8; 16],
    memory: &mut Memory,
) -> Result<Box<str>, Invalid> {
    let output = run(params(cost, OUTPUT_BYTES)?, secret, &salt, memory)?;
    assemble(cost, &salt, &output)
}

/// Writes a cost, a salt and a hash as a PHC string.
pub(in crate::service) fn assemble(
    cost: HashCost,
    salt: &[u8],
    hash: &[u8],
) -> Result<Box<str>, Invalid> {
    const FAULT: Invalid = Invalid("the hash cannot be written as a PHC string");
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params(cost, OUTPUT_BYTES)?).map_err(|_| FAULT)?,
        salt: Some(Salt::new(salt).map_err(|_| FAULT)?),
        hash: Some(Output::new(hash).map_err(|_| FAULT)?),
    };
    Ok(phc.to_string().into())
}

/// Returns whether `secret` is the one behind the PHC string; an unusable string matches nothing. A
/// "no" costs no less than a hash of `least`: the time does not reveal hashes of a cheaper era.
pub(in crate::service) fn verify(
    secret: &Secret,
    phc: &str,
    least: HashCost,
    memory: &mut Memory,
) -> Result<bool, Invalid> {
    let (stored, salt, expected) = parse(phc)?;
    let cost = cost_of(&stored);
    let output = run(stored, secret, salt.as_ref(), memory)?;
    let matches = bool::from(output.ct_eq(expected.as_bytes()));
    if let Some(missing) = cost.missing_to(least).filter(|_| !matches) {
        run(params(missing, OUTPUT_BYTES)?, secret, salt.as_ref(), memory)?;
    }
    Ok(matches)
}

/// Returns the cost of the hash in a PHC string.
///
/// # Errors
/// When the string is not one that [`verify`] can use.
pub(in crate::service) fn cost(phc: &str) -> Result<HashCost, Invalid> {
    parse(phc).map(|(params, _, _)| cost_of(&params))
}

fn cost_of(params: &Params) -> HashCost {
    HashCost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    }
}

fn parse(phc: &str) -> Result<(Params, Salt, Output), Invalid> {
    const FAULT: Invalid = Invalid("must be an argon2id PHC string of version 19");
    let parsed = PasswordHash::new(phc).map_err(|_| FAULT)?;
    let argon2id = parsed.algorithm == Algorithm::Argon2id.ident();
    if !argon2id || parsed.version != Some(Version::V0x13.into()) {
        return Err(FAULT);
    }
    let (salt, hash) = parsed.salt.zip(parsed.hash).ok_or(FAULT)?;
    let stored = Params::try_from(&parsed).map_err(|_| FAULT)?;
    Ok((params(cost_of(&stored), hash.as_bytes().len())?, salt, hash))
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
        assert_eq!(verify(&Secret::new("right"), &phc, CHEAP, &mut memory), Ok(true));
        assert_eq!(verify(&Secret::new("wrong"), &phc, CHEAP, &mut memory), Ok(false));
    }

    /// Made by the reference implementation's command line tool.
    #[test]
    fn hashes_of_other_implementations_are_understood() {
        let phc = "$argon2id$v=19$m=64,t=2,p=1$cmVmZXJlbmNlLXNhbHQ$jTRHu3umcVTjnT6gfEyzlJl/FMWS8aeWnCTmZ6GxfAs";
        assert_eq!(verify(&Secret::new("password"), phc, CHEAP, &mut Memory::default()), Ok(true));
    }

    /// A hash of the settings' cost leaves so much working memory behind.
    #[test]
    fn a_no_of_a_cheaper_hash_costs_what_is_missing_too() {
        let whole = HashCost { memory_kib: 64, ..CHEAP };
        let phc = hash(&Secret::new("right"), CHEAP, [1; 16], &mut Memory::default());
        let phc = phc.expect("a hash");
        let mut memory = Memory::default();
        assert_eq!(verify(&Secret::new("right"), &phc, whole, &mut memory), Ok(true));
        assert_eq!(memory.kib(), 8);
        assert_eq!(verify(&Secret::new("wrong"), &phc, whole, &mut memory), Ok(false));
        assert_eq!(memory.kib(), 64 - 8);
    }

    #[test]
    fn hashes_beyond_the_bounds_or_of_other_kinds_match_nothing() {
        let hash = "cmVmZXJlbmNlLXNhbHQ$jTRHu3umcVTjnT6gfEyzlJl/FMWS8aeWnCTmZ6GxfAs";
        for phc in [
            String::new(),
            "plain".into(),
            format!("$argon2i$v=19$m=64,t=2,p=1${hash}"),
            format!("$argon2id$v=16$m=64,t=2,p=1${hash}"),
            format!("$argon2id$v=19$m=4194304,t=2,p=1${hash}"),
            format!("$argon2id$v=19$m=64,t=1000,p=1${hash}"),
            "$argon2id$v=19$m=64,t=2,p=1".into(),
        ] {
            let outcome = verify(&Secret::new("password"), &phc, CHEAP, &mut Memory::default());
            assert!(outcome.is_err(), "{phc}");
        }
    }
}
