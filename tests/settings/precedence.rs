//! A flag beats its variable, which beats the file, which beats the default.

use std::{path::Path, process::Command, time::Duration};

use bytesize::ByteSize;
use clap::Parser;
use jeton::config::{LogFormat, Overrides};

use super::fake::Fake;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    overrides: Overrides,
}

#[test]
fn overrides_beat_the_file_one_by_one() {
    let environment = Fake::with_settings(
        "[store]\npath = 'file'\ncache_bytes = '2MiB'\n[log]\nfilter = 'warn'\nformat = 'human'\n\
         [tokens]\nretry_window = '1s'\n[serve]\ndrain_delay = '1s'",
    );
    let flags = Flags::parse_from([
        "jeton",
        "--store-path",
        "flag",
        "--log=debug",
        "--retry-window=2s",
        "--keys-path=flag",
    ]);
    let settings = environment.load(&flags.overrides).expect("good settings").settings;
    assert_eq!(settings.store.path, Path::new("flag"));
    assert_eq!(settings.keys.path, Path::new("flag"));
    assert_eq!(settings.log.filter, "debug");
    assert_eq!(settings.tokens.retry_window, Duration::from_secs(2));
    assert_eq!(settings.store.cache_bytes, ByteSize::mib(2), "from the file");
    assert_eq!(settings.log.format, LogFormat::Human, "from the file");
    assert_eq!(settings.serve.drain_delay, Duration::from_secs(1), "from the file");
    assert_eq!(settings.tokens.access_overlap, Duration::from_secs(60), "the default");
}

#[test]
fn a_fault_in_the_file_is_told_even_where_a_flag_beats_it() {
    let overrides = Overrides { retry_window: Some(Duration::ZERO), ..Overrides::default() };
    let environment = Fake::with_settings("[tokens]\nretry_window = '1h'");
    assert!(environment.load(&overrides).is_err());
}

/// Variables belong to a process, so this runs the next test in one of its own.
#[test]
fn flags_beat_variables_which_beat_the_file() {
    let this = std::env::current_exe().expect("this test");
    let output = Command::new(this)
        .args(["--exact", "precedence::with_variables", "--ignored"])
        .env("JETON_STORE_PATH", "variable")
        .env("JETON_LOG", "debug")
        .env("JETON_ALLOW_PLAINTEXT", "true")
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by flags_beat_variables_which_beat_the_file"]
fn with_variables() {
    let flags = Flags::parse_from(["jeton", "--store-path", "flag"]);
    let environment =
        Fake::with_settings("[store]\npath = 'file'\n[log]\nfilter = 'warn'\nformat = 'human'\n");
    let settings = environment.load(&flags.overrides).expect("good settings").settings;
    assert_eq!(settings.store.path, Path::new("flag"));
    assert_eq!(settings.log.filter, "debug", "the variable");
    assert!(settings.serve.allow_plaintext, "the variable");
    assert_eq!(settings.log.format, LogFormat::Human, "the file");
}
