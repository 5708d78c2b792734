//! All faults of a file are reported at once, with their places, without showing a secret.

use std::path::Path;

use jeton::{
    config::{HttpSettings, Overrides},
    domain::secret::Secret,
};
use proptest::prelude::*;

use super::{
    example::{EXAMPLE, with_example_variables},
    fake::{FILE, Fake},
};

/// Files, and after each what is said of it and where: line and column.
const FAULTY: &str = include_str!("faulty.txt");

#[test]
fn every_fault_is_told_in_one_line_with_its_place() {
    let mut differing = Vec::new();
    for case in FAULTY.trim().split("\n\n") {
        let (said, text): (Vec<&str>, Vec<&str>) =
            case.lines().partition(|line| line.starts_with("=> "));
        let text = text.join("\n") + "\n";
        let faults = Fake::with_settings(&text)
            .variable("EMPTY", "")
            .variable("LINES", "a line\nand another\n")
            .file("/lines", "a line\r\nand another", false)
            .file("/long", "x".repeat(1025), false)
            .file("/binary", b"\xff", false)
            .faults();
        let expected = said.join("\n").replace("=> ", "jeton.toml:");
        if faults != expected {
            differing.push(format!("{text}\n{faults}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

/// Ends without a line end are a matter of their own.
#[test]
fn a_file_may_end_anywhere() {
    assert_eq!(Fake::with_settings("keys.path = 'a'").settings().keys.path, Path::new("a"));
    for (text, fault) in [
        ("[log]\nfilter =", "2:9: the file ends where a value should stand"),
        ("[log]\nfilter = 'info", "2:10: the string's closing quote is missing"),
    ] {
        assert_eq!(Fake::with_settings(text).faults(), format!("jeton.toml:{fault}"));
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let environment = Fake::with_settings(
        r#"[[user]]
name = "alice"

[[client]]
id = "orders"
secret = 5
scope = ["read"]
access_token_ttl = "forever"

[tokens]
retry_window = "1h"

[grpc]
listen = "0.0.0.0:50051"
"#,
    );
    let address = Some(Secret::new("0.0.0.0:8080"));
    let overrides = Overrides::default().with(&HttpSettings::listen(), address);
    let faults = environment.load(&overrides).expect_err("faults");
    let places: Vec<String> = faults.0.iter().map(|fault| fault.place.to_string()).collect();
    assert_eq!(
        places,
        [
            "jeton.toml:1:1",
            "jeton.toml:6:1",
            "jeton.toml:7:1",
            "jeton.toml:8:1",
            "jeton.toml:11:1",
            "jeton.toml:14:1",
            "--http-listen (JETON_HTTP_LISTEN)",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    assert_eq!(Fake::default().faults(), "jeton.toml: cannot be read: entity not found");
    let binary = Fake::default().file(FILE, b"\xff", false);
    assert_eq!(binary.faults(), "jeton.toml: is not UTF-8");
}

#[test]
fn no_fault_shows_a_secret() {
    const SECRET: &str = "Tr0ub4dor";
    let texts = [
        "secret = Tr0ub4dor",
        "secret = 'Tr0ub4dor",
        "secret = \"Tr0ub4dor\n",
        "secret = \"\\Tr0ub4dor\"",
        "secret = 'x' Tr0ub4dor",
        "secret = ['Tr0ub4dor']",
        "secret = { a = 'Tr0ub4dor' }",
        "secret = { Tr0ub4dor = 1 }",
        "secret.Tr0ub4dor = 1",
        "secret_env = ['Tr0ub4dor']",
        "secret_env = 'Tr0ub4dor-3'",
        "secret_env = 'Tr0ub4dor'",
        "secret_file = 'Tr0ub4dor'",
        "secret_file = '/run/Tr0ub4dor'",
        "secret_hash = 'Tr0ub4dor'",
        "secret_hash = '$Tr0ub4dor'",
        "secret_hash = 'sha256:Tr0ub4dor'",
        "secret = 'Tr0ub4dor'\nsecret = 'Tr0ub4dor'",
        "secret = 'Tr0ub4dor'\nsecret_hash = 'Tr0ub4dor'",
        "secrett = 'Tr0ub4dor'",
        // Too short.
        "secret = 'Tr0ub4dor'",
    ];
    for text in texts {
        let environment = Fake::with_settings(&format!("[[client]]\nid = 'a'\n{text}"));
        let faults = environment.load(&Overrides::default()).expect_err(text);
        assert!(!format!("{faults} {faults:?}").contains(SECRET), "{text}\n{faults}");
    }
    for text in [
        "[[user]]\nname = 'a'\npassword_env = 'Tr0ub4dor'",
        "[[user]]\nname = 'a'\npassword_file = 'Tr0ub4dor'",
        "[tls]\ncert = '/c'\nkey = \"\"\"-----BEGIN\nTr0ub4dor\n\"\"\"",
        "[store]\nurl = 'Tr0ub4dor'",
        "[store]\nurl = 'postgres:/a:Tr0ub4dor@b/c'",
        "[store]\nurl = 'host=a password=Tr0ub4dor'",
        "[store]\npath = 'postgres://a:Tr0ub4dor@b/c'",
        "[traces]\nendpoint = 'http://a:Tr0ub4dor@b:4317'",
        "[http]\nissuer = 'https://a:Tr0ub4dor@b'",
        "[http]\ncors_allowed_origins = ['https://a:Tr0ub4dor@b']",
        "[grpc]\nlisten = 'Tr0ub4dor'",
    ] {
        let environment = Fake::with_settings(text);
        let faults = environment.load(&Overrides::default()).expect_err(text);
        assert!(!format!("{faults} {faults:?}").contains(SECRET), "{text}\n{faults}");
    }
    let loaded = Fake::with_settings("[[client]]\nid = 'a'\nsecret = 'Tr0ub4dor kx7vqzmw2nfd9tr'")
        .settings();
    assert!(!format!("{loaded:?}").contains(SECRET));
}

proptest! {
    #[test]
    fn no_file_whatever_makes_it_panic(cut in 0..EXAMPLE.len(), text in "[\\PC\n]{0,40}") {
        let mut cut = cut;
        while !EXAMPLE.is_char_boundary(cut) {
            cut -= 1;
        }
        let (before, after) = EXAMPLE.split_at(cut);
        let after = after.split_once('\n').map_or("", |(_, after)| after);
        for text in [&*format!("{before}{text}{after}"), &text] {
            drop(with_example_variables(text).load(&Overrides::default()));
        }
    }
}
