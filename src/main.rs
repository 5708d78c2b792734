//! The `jeton` command.

use std::process::ExitCode;

mod allocator;

fn main() -> ExitCode {
    allocator::set_up();
    jeton::cli::main()
}
