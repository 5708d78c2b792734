//! Loads the sled engine for `tests/power_loss`, and checks whether it kept its promises after a
//! crash.
//!
//! `load` writes a store and a ledger of its attempts, acknowledgements and reads. `verify` opens a
//! store after a power loss and compares it with the ledger of that moment.

mod chance;
mod entropy;
mod findings;
mod history;
mod layout;
mod ledger;
mod load;
mod mix;
mod tracked;
mod verify;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(about = "Loads the sled engine and checks it after a power loss")]
enum Command {
    /// Writes from many tasks and keeps a ledger.
    Load(load::Load),
    /// Compares a store with a ledger: exits 0 if all is well, 1 if something is lost or invented,
    /// 3 if the store does not open, 4 if only the order of writes is broken.
    Verify(verify::Verify),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Command::parse() {
        Command::Load(load) => load.run().await,
        Command::Verify(verify) => verify.run().await,
    }
}
