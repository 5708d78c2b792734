//! A flag beats its variable, which beats the file, which beats the default.

use std::{fs, path::Path, process::Command, time::Duration};

use bytesize::ByteSize;
use clap::Parser;
use jeton::{
    config::{LogFormat, Overrides},
    domain::secret::Secret,
};

use super::fake::Fake;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    overrides: Overrides,
}

#[test]
fn overrides_beat_the_file_one_by_one() {
    let environment = Fake::with_settings(
        "[store]\npath = 'file'\ncache_bytes = '2MiB'\nmin_free_space = '0'\n[log]\nfilter = 'warn'\nformat = 'human'\n\
         [tokens]\nretry_window = '1s'\n[serve]\ndrain_delay = '1s'",
    );
    let flags = Flags::parse_from([
        "jeton",
        "--store-path",
        "flag",
        "--min-free-space=32MiB",
        "--store-url=postgresql://flag/jeton",
        "--store-connections=2",
        "--max-staleness=2s",
        "--log=debug",
        "--retry-window=2s",
        "--keys-path=flag",
    ]);
    let settings = environment.load(&flags.overrides).expect("good settings").settings;
    assert_eq!(settings.store.path, Path::new("flag"));
    assert_eq!(settings.store.min_free_space, ByteSize::mib(32));
    let url = settings.store.url.map(|database| database.url);
    assert_eq!(url, Some(Secret::new("postgresql://flag/jeton")));
    assert_eq!(settings.store.connections, 2);
    assert_eq!(settings.store.max_staleness, Duration::from_secs(2));
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
    let overrides = Flags::parse_from(["jeton", "--retry-window=0s"]).overrides;
    let environment = Fake::with_settings("[tokens]\nretry_window = '1h'");
    assert!(environment.load(&overrides).is_err());
}

/// Variables belong to a process, so this asks the real one: it cannot keep its store where a plain
/// file is, and says where it tried to.
#[test]
fn flags_beat_variables_which_beat_the_file() {
    let home = tempfile::tempdir().expect("a directory");
    let place = |name: &str| home.path().join(name);
    for name in ["flag", "variable", "file"] {
        fs::write(place(name), "").expect("a plain file");
    }
    let settings = place("jeton.toml");
    let store = place("file").join("data");
    let listeners =
        ["grpc", "http", "ops"].map(|name| format!("[{name}]\nlisten = '127.0.0.1:0'\n"));
    let text = format!("{}[store]\npath = '{}'\n", listeners.concat(), store.display());
    fs::write(&settings, text).expect("the settings");

    let serve = |variable: bool, flag: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.env_clear().arg("serve").arg("--config").arg(&settings);
        if variable {
            command.env("JETON_STORE_PATH", place("variable").join("data"));
        }
        if flag {
            command.arg("--store-path").arg(place("flag").join("data"));
        }
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (variable, flag, expected) in
        [(false, false, "file"), (true, false, "variable"), (true, true, "flag")]
    {
        let said = serve(variable, flag);
        let store = place(expected).join("data");
        assert!(said.contains(&format!("the store at {}", store.display())), "{said}");
    }
}

/// The refusal of a setting that may hold a secret never repeats it: not in a library's words
/// either.
#[test]
fn a_url_that_is_refused_is_never_shown() {
    const PASSWORD: &str = "hunter2";
    let home = tempfile::tempdir().expect("a directory");
    let said = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.env_clear().current_dir(home.path()).args(arguments).envs(variable);
        let output = command.output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        assert!(!output.status.success(), "{arguments:?} {variable:?}: {said}");
        assert!(!said.is_empty(), "{arguments:?} {variable:?}");
        said
    };
    let urls = [
        "\"postgres://jeton:hunter2@db/jeton\"",
        " postgres://jeton:hunter2@db/jeton",
        "mysql://jeton:hunter2@db/jeton",
        "postgres://jeton:hunter2@db/jeton?sslmode=hunter2",
        "postgres://jeton:hunter2@db/jeton?hunter2=1",
        "postgres://jeton:x@hunter2@db/jeton",
        "postgres://jeton:x@127.0.0.1:hunter2/jeton",
    ];
    for url in urls {
        for variable in ["JETON_STORE_URL", "JETON_STORE_PATH", "JETON_KEYS_PATH"] {
            let said = said(&["serve"], Some((variable, url)));
            assert!(!said.contains(PASSWORD), "{variable}={url}: {said}");
        }
        for arguments in [
            &["serve", "--store", url][..],
            &["serve", "--store-url", url],
            &["serve", url],
            &["serve", "--grpc-listen", url],
            &["migrate", "--from", "sled:data", "--to", url],
            &["check", "--store", url],
            &["restore", "--from", "file", "--store", url],
            &["key", "remove", "01234567", "--store", url],
        ] {
            let said = said(arguments, None);
            assert!(!said.contains(PASSWORD), "{arguments:?}: {said}");
        }
    }
    let quoted = said(&["serve"], Some(("JETON_STORE_URL", urls[0])));
    assert_eq!(
        quoted,
        "jeton: --store-url (JETON_STORE_URL): must begin with postgres:// or postgresql://, without \
         quotes or spaces around it\n"
    );
}
