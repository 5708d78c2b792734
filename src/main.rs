//! The `jeton` command.

use std::process::ExitCode;

/// Each call takes memory and gives it back dozens of times, which took the system's allocator a ninth
/// of the time of introspection. In a static build this stands for musl's, which has one lock for
/// all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    jeton::cli::main()
}
