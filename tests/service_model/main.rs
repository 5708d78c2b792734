//! The whole service against a plain model of the rules: many grants, clients, users, and clock steps.
//!
//! `JETON_MODEL_STEPS` says how many steps are taken (100,000), `JETON_MODEL_SEED` replays a run:
//! the seed is printed at the start and with every failure.

mod administrators;
mod backlog;
mod clock;
mod dice;
mod honest;
mod last_use;
mod lockout;
mod parties;
mod rules;
mod scene;
mod seen;
mod shares;
mod signatures;
mod trees;
mod watch;
mod world;

use dice::Dice;
use world::World;

const STEPS: u64 = 100_000;

#[expect(clippy::disallowed_methods, reason = "how a person hands a test its seed")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn the_service_does_what_the_rules_say_over_a_hundred_thousand_steps() {
    let steps = number("JETON_MODEL_STEPS").unwrap_or(STEPS);
    let seed = number("JETON_MODEL_SEED").unwrap_or_else(Dice::fresh_seed);
    println!("JETON_MODEL_SEED={seed} JETON_MODEL_STEPS={steps}");
    let mut world = World::new(seed).await;
    for step in 0..steps {
        world.step(step).await;
    }
    let happened = world.seen();
    println!("{happened:?}");
    assert!(
        steps < STEPS || happened.all_happened(),
        "the run never got to something: {happened:?}"
    );
}
