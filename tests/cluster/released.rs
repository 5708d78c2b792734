//! The last release's program, as a script has built it, beside the one under test.
//!
//! `JETON_BINARY` is then tests/failover/at.sh, which runs what `PROGRAM` names.

use crate::common::settings::Settings;

/// Returns what the last release knows of these settings.
pub(crate) fn known(settings: Settings) -> Settings {
    settings.omit("check").omit("secrets").unset("passwords", "max_wait")
}

/// Returns the path of its program.
pub(crate) fn program() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the script's way to say what the tests run with"
    )]
    let program = std::env::var("JETON_TEST_RELEASED");
    program.ok().filter(|path| !path.is_empty())
}

/// Path of the program under test.
pub(crate) const NEWEST: &str = env!("CARGO_BIN_EXE_jeton");
