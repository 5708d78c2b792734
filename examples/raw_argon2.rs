//! A reference for password logins: argon2 at the default cost and nothing else.
//!
//! Prints the number of hashes a second on one thread. `benches/password.py` runs it on the core
//! that it then gives to a server.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use clap::Parser;
use jeton::{domain::hash_cost::HashCost, metrics::Stopwatch};

#[derive(Parser)]
struct Options {
    /// Duration of the run.
    #[arg(long, default_value = "5s")]
    duration: humantime::Duration,
}

fn main() {
    let duration: Duration = *Options::parse().duration;
    let HashCost { memory_kib, iterations, parallelism } = HashCost::default();
    let params = Params::new(memory_kib, iterations, parallelism, Some(32)).expect("the cost");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    let (mut hashes, watch) = (0_u32, Stopwatch::start());
    while watch.seconds() < duration.as_secs_f64() {
        let salt = [hashes.to_le_bytes(); 4].concat();
        let outcome = argon2.hash_password_into_with_memory(
            b"correct horse battery staple",
            &salt,
            &mut output,
            &mut memory,
        );
        outcome.expect("a hash");
        hashes += 1;
    }
    println!("{}", f64::from(hashes) / watch.seconds());
}
