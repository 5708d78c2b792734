//! The settings file: what it declares is what is served, and everything wrong with it is said at
//! once, where it stands, without showing a secret.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use bytesize::ByteSize;
use clap::Parser;
use jeton::{
    config::{
        DeclaredPassword, DeclaredSecret, Environment, Faults, Loaded, LogFormat, Overrides,
        ProcessEnvironment, Settings, TextFile, Warning,
    },
    domain::{client::IntrospectReach, client_secret::StoredSecret, grant_type::GrantType},
};
use proptest::prelude::*;
use zeroize::Zeroizing;

const FILE: &str = "jeton.toml";
const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Variables and files that exist only in a test.
#[derive(Default)]
struct Fake {
    variables: HashMap<&'static str, OsString>,
    files: HashMap<PathBuf, (Vec<u8>, bool)>,
}

impl Fake {
    fn with_settings(text: &str) -> Self {
        Self::default().file(FILE, text, false)
    }

    fn file(mut self, path: &str, bytes: impl AsRef<[u8]>, exposed: bool) -> Self {
        self.files.insert(path.into(), (bytes.as_ref().to_owned(), exposed));
        self
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    fn load(&self, overrides: &Overrides) -> Result<Loaded, Faults> {
        Settings::load(Some(Path::new(FILE)), overrides, self)
    }

    fn settings(&self) -> Settings {
        self.load(&Overrides::default()).expect("good settings").settings
    }

    fn faults(&self) -> String {
        self.load(&Overrides::default()).expect_err("faulty settings").to_string()
    }
}

impl Environment for Fake {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<TextFile> {
        let (bytes, exposed) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(TextFile { bytes: Zeroizing::new(bytes.clone()), exposed: *exposed })
    }
}

#[test]
fn without_a_file_everything_has_its_default() {
    let loaded = Settings::load(None, &Overrides::default(), &Fake::default()).expect("defaults");
    assert_eq!(loaded, Loaded { settings: Settings::default(), warnings: vec![] });
    assert_eq!(loaded.settings, Fake::with_settings("").settings());

    let settings = loaded.settings;
    assert_eq!(settings.grpc.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.store.path, Path::new("jeton-data"));
    assert_eq!(settings.store.cache_bytes, ByteSize::mib(256));
    assert_eq!(settings.keys.path, Path::new("jeton-keys"));
    assert_eq!(settings.tokens.retry_window, Duration::from_secs(60));
    assert_eq!(settings.tokens.access_overlap, Duration::from_secs(60));
    assert_eq!(settings.passwords.cost.memory_kib, 19 * 1024);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(settings.log.filter, "info");
    assert_eq!(settings.serve.drain_timeout, Duration::from_secs(10));
    assert!(!settings.serve.allow_plaintext);
}

#[test]
fn every_section_is_read() {
    let settings = Fake::with_settings(
        r#"
        grpc.listen = "[::1]:1"
        [http]
        listen = "127.0.0.2:2"
        issuer = "https://tokens.example"
        cors_allowed_origins = ["https://app.example"]
        [store]
        path = "/data"
        cache_bytes = "1GiB"
        [keys]
        path = "/keys"
        [tokens]
        retry_window = "0s"
        access_overlap = "5s"
        [passwords]
        memory = "64KiB"
        iterations = 3
        parallelism = 4
        threads = 5
        [log]
        format = "json"
        filter = "warn,jeton=debug"
        [serve]
        allow_plaintext = true
        drain_delay = "3s"
        drain_timeout = "1m"
        "#,
    )
    .settings();
    assert_eq!(settings.grpc.listen.to_string(), "[::1]:1");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.2:2");
    assert_eq!(settings.http.issuer.as_deref(), Some("https://tokens.example"));
    assert_eq!(settings.http.cors_allowed_origins, ["https://app.example"]);
    assert_eq!(settings.store.path, Path::new("/data"));
    assert_eq!(settings.store.cache_bytes, ByteSize::gib(1));
    assert_eq!(settings.keys.path, Path::new("/keys"));
    assert_eq!(settings.tokens.retry_window, Duration::ZERO);
    assert_eq!(settings.tokens.access_overlap, Duration::from_secs(5));
    assert_eq!(settings.passwords.cost.memory_kib, 64);
    assert_eq!(settings.passwords.cost.iterations, 3);
    assert_eq!(settings.passwords.cost.parallelism, 4);
    assert_eq!(settings.passwords.threads, NonZeroUsize::new(5));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.log.filter, "warn,jeton=debug");
    assert!(settings.serve.allow_plaintext);
    assert_eq!(settings.serve.drain_delay, Duration::from_secs(3));
    assert_eq!(settings.serve.drain_timeout, Duration::from_secs(60));
}

#[test]
fn a_client_is_read_field_by_field() {
    let environment = Fake::with_settings(
        r#"
        [[client]]
        id = "orders"
        secret_env = "ORDERS_SECRET"
        grants = ["password", "refresh_token"]
        scopes = ["write", "read"]
        allowed_scopes = ["read", "write", "audit"]
        audience = ["billing"]
        access_token_ttl = "1m"
        refresh_token_ttl = "1d"
        grant_ttl = "2d"
        introspect = "audience"
        permissions = ["inactive_reason"]
        attributes = { team = "payments" }
        disabled = true
        "#,
    )
    .variable("ORDERS_SECRET", "correct horse");
    let [client] = &*environment.settings().clients else { panic!("one client") };

    assert_eq!(client.id.as_str(), "orders");
    let Some(DeclaredSecret::Clear(secret)) = &client.secret else { panic!("a clear secret") };
    assert_eq!(secret.expose(), "correct horse");
    let grants = client.grant_types.expect("grants");
    assert!(grants.contains(GrantType::Password) && !grants.contains(GrantType::ClientCredentials));
    assert_eq!(client.default_scopes.as_ref().expect("scopes").as_str(), "write read");
    assert_eq!(client.allowed_scopes.as_ref().expect("scopes").as_str(), "read write audit");
    assert!(client.audience.as_ref().expect("audience").names().eq(["billing"]));
    assert_eq!(client.access_token_ttl, Some(Duration::from_secs(60)));
    assert_eq!(client.refresh_token_ttl, Some(Duration::from_secs(86_400)));
    assert_eq!(client.grant_ttl, Some(Duration::from_secs(2 * 86_400)));
    assert_eq!(client.introspect, Some(IntrospectReach::Audience));
    let permissions = client.permissions.expect("permissions");
    assert!(permissions.inactive_reason && !permissions.admin);
    let attributes = client.attributes.as_ref().expect("attributes");
    assert!(attributes.entries().eq([("team", "payments")]));
    assert_eq!(client.disabled, Some(true));
}

#[test]
fn what_is_not_declared_is_not_made_up() {
    let settings =
        Fake::with_settings("[[client]]\nid = 'a'\n[[user]]\nname = 'b'\npassword = 'c'")
            .settings();
    let ([client], [user]) = (&*settings.clients, &*settings.users) else { panic!("one of each") };
    assert_eq!(client.secret, None, "public");
    assert_eq!(client.grant_types, None);
    assert_eq!((&client.default_scopes, &client.allowed_scopes), (&None, &None));
    assert_eq!((client.access_token_ttl, client.grant_ttl), (None, None));
    assert_eq!((client.introspect, client.permissions, client.disabled), (None, None, None));
    assert_eq!((&user.attributes, user.disabled), (&None, None));
}

#[test]
fn allowed_scopes_are_the_default_ones_unless_declared() {
    let scopes = |text: &str| {
        let settings = Fake::with_settings(&format!("[[client]]\nid = 'a'\n{text}")).settings();
        let [client] = &*settings.clients else { panic!("one client") };
        [&client.default_scopes, &client.allowed_scopes]
            .map(|scopes| scopes.as_ref().map(ToString::to_string))
    };
    let text = |scopes: &str| Some(scopes.to_owned());
    assert_eq!(scopes("scopes = ['r', 'w']"), [text("r w"), text("r w")]);
    assert_eq!(scopes("allowed_scopes = ['r']"), [None, text("r")]);
}

#[test]
fn a_secret_is_taken_from_wherever_it_is_given() {
    let environment = Fake::with_settings(
        r#"
        client = [
            { id = "clear", secret = "a \"quoted\" one" },
            { id = "variable", secret_env = "SECRET" },
            { id = "file", secret_file = "/run/secret" },
        ]
        "#,
    )
    .variable("SECRET", "from the variable\n")
    .file("/run/secret", "from the file\n", false);
    let clients = environment.settings().clients;
    let secrets: Vec<&str> = clients
        .iter()
        .map(|client| match &client.secret {
            Some(DeclaredSecret::Clear(secret)) => secret.expose(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(secrets, ["a \"quoted\" one", "from the variable\n", "from the file"]);
}

#[test]
fn hashes_are_taken_as_they_are() {
    let digits = "0a".repeat(32);
    let settings = Fake::with_settings(&format!(
        r#"
        client = [
            {{ id = "generated", secret_hash = "sha256:{digits}" }},
            {{ id = "chosen", secret_hash = "{PHC}" }},
        ]
        user = [{{ name = "Alice", password_hash = "{PHC}" }}]
        "#
    ))
    .settings();
    let hashes = settings.clients.iter().map(|client| client.secret.as_ref().expect("a secret"));
    let hashes: Vec<_> = hashes.collect();
    assert!(matches!(hashes[0], DeclaredSecret::Hash(StoredSecret::Generated(_))));
    assert!(
        matches!(hashes[1], DeclaredSecret::Hash(StoredSecret::Chosen(text)) if **text == *PHC)
    );
    assert_eq!(settings.users[0].name.as_str(), "alice");
    let password = &settings.users[0].password;
    assert!(matches!(password, DeclaredPassword::Hash(hash) if *hash.0 == *PHC));
}

/// Files, and after each what is said of it and where: line and column.
const FAULTY: &str = r#"
[grpc]
listen = 127.0.0.1:1
=> 2:15: expected newline, found a period

[grpc
=> 1:6: expected a right bracket, found a newline

[log]
filter =
=> 2:9: expected a value, found a newline

[log]
filter = info
=> 2:10: a string needs quotes

[log]
filter = "info
=> 2:15: a string may not hold this character; is its closing quote missing?

[log]
filter = """info
=> 2:10: the string's closing quote is missing

[keys]
path = 'C:\'
[keys]
=> 3:1: the same table stands on line 1

[keys]
path = 'a'
path = 'b'
=> 3:1: the same key stands on line 2

[keys]
path = "C:\data"
=> 2:12: no escape of TOML: write \\ for a backslash

[a.b]
[[a]]
=> 2:1: the same name is a table above, a list here

[tokens]
retry_windw = '1s'
=> 2:1: unknown key "retry_windw": did you mean "retry_window"?

[[client]]
id = 'a'
acess_token_ttl = '1m'
=> 3:1: unknown key "acess_token_ttl": did you mean "access_token_ttl"?

[stor]
=> 1:2: unknown key "stor": did you mean "store"?

[[users]]
=> 1:3: unknown key "users": did you mean "user"?

[keys]
ring = 'x'
=> 2:1: unknown key "ring": here may be path

grpc = 5
=> 1:1: grpc: must be a table, not a whole number

[client]
id = 'a'
=> 1:2: client: must be a list of tables: [[client]]

client = ['a']
=> 1:12: client: must be a table, not a string

[tokens]
retry_window = 60
=> 2:1: tokens.retry_window: must be a duration like "60s", not a whole number

[store]
cache_bytes = 1.5
=> 2:1: store.cache_bytes: must be a size like "256MiB", not a fraction

[serve]
allow_plaintext = 'yes'
=> 2:1: serve.allow_plaintext: must be true or false, not a string

[passwords]
iterations = '2'
=> 2:1: passwords.iterations: must be a whole number, not a string

[[client]]
id = 'a'
scopes = 'read'
=> 3:1: client.scopes: must be a list of strings, not a string

[[client]]
id = 'a'
scopes = ['read', 1]
=> 3:1: client.scopes: must be a list of strings only

[[client]]
id = 'a'
attributes = { n = 1 }
=> 3:1: client.attributes: must have strings only for values

[[client]]
id = 'a'
attributes = []
=> 3:1: client.attributes: must be a table of strings, not a list

[grpc]
listen = 'localhost:1'
=> 2:1: grpc.listen: must be an address and port like "127.0.0.1:50051"

[http]
issuer = 'tokens'
=> 2:1: http.issuer: must be an https:// or http:// URL without query and fragment

[http]
cors_allowed_origins = ['*']
=> 2:1: http.cors_allowed_origins: each must be an origin like "https://app.example"

[store]
cache_bytes = '1KiB'
=> 2:1: store.cache_bytes: must be 1MiB to 1TiB

[keys]
path = ''
=> 2:1: keys.path: must be a path

[tokens]
retry_window = '6m'
=> 2:1: tokens.retry_window: must be at most 5m

[serve]
drain_delay = '2h'
=> 2:1: serve.drain_delay: must be at most 1h

[passwords]
memory = '2GiB'
=> 2:1: passwords.memory: must be 8KiB to 1GiB

[passwords]
threads = 0
=> 2:1: passwords.threads: must be 1 to 1024

[passwords]
memory = '16KiB'
parallelism = 3
=> 2:1: passwords.memory: must be at least 8KiB for each of parallelism

[log]
format = 'xml'
=> 2:1: log.format: must be "auto", "human" or "json"

[log]
filter = 'jeton=loud'
=> 2:1: log.filter: must be a level or directives like "info,jeton=debug"

[grpc]
listen = '0.0.0.0:1'
=> 2:1: grpc.listen: other machines reach this address and there is no TLS: serve.allow_plaintext or --allow-plaintext must say that this is meant

[[client]]
=> 1:1: client: needs id

[[client]]
id = 'a b'
=> 2:1: client.id: must be 1 to 255 graphic ASCII characters

[[client]]
id = 'usr_a'
=> 2:1: client.id: must not begin with usr_, which names users

[[client]]
id = 'jeton'
=> 2:1: client.id: must not be jeton, which names this service

[[client]]
id = 'a'
[[client]]
id = 'b'
[[client]]
id = 'a'
=> 6:1: client.id: already declared on line 2

[[client]]
id = 'a'
grants = ['implicit']
=> 3:1: client.grants: each must be "password", "client_credentials" or "refresh_token"

[[client]]
id = 'a'
grants = ['client_credentials']
=> 3:1: client.grants: a public client, one without a secret, may not use client_credentials

[[client]]
id = 'a'
allowed_scopes = ['r']
scopes = ['w']
=> 4:1: client.scopes: each must also be one of allowed_scopes

[[client]]
id = 'a'
scopes = ['a b']
=> 3:1: client.scopes: must be 1 to 128 characters of RFC 6749 §3.3 each

[[client]]
id = 'a'
audience = ['']
=> 3:1: client.audience: must be 1 to 255 graphic ASCII characters each

[[client]]
id = 'a'
access_token_ttl = '0s'
=> 3:1: client.access_token_ttl: must be at least 1s

[[client]]
id = 'a'
access_token_ttl = '91d'
=> 3:1: client.access_token_ttl: must be at most grant_ttl, 90d by default

[[client]]
id = 'a'
access_token_ttl = '2m'
grant_ttl = '1m'
=> 3:1: client.access_token_ttl: must be at most grant_ttl

[[client]]
id = 'a'
grant_ttl = '10m'
=> 3:1: client.grant_ttl: must be at least access_token_ttl, 15m by default

[[client]]
id = 'a'
introspect = 'all'
=> 3:1: client.introspect: must be "own", "audience" or "any"

[[client]]
id = 'a'
permissions = ['root']
=> 3:1: client.permissions: each must be "admin" or "inactive_reason"

[[client]]
id = 'a'
attributes = { '' = 'x' }
=> 3:1: client.attributes: names must be 1 to 64 bytes

[[client]]
id = 'a'
secret = ''
=> 3:1: client.secret: must be 1 to 1024 bytes

[[client]]
id = 'a'
secret_env = 'UNSET'
=> 3:1: client.secret_env: the environment variable UNSET is not set

[[client]]
id = 'a'
secret_env = 'EMPTY'
=> 3:1: client.secret_env: the environment variable EMPTY must be 1 to 1024 bytes

[[client]]
id = 'a'
secret_env = 'hunter-2'
=> 3:1: client.secret_env: must be the name of an environment variable

[[client]]
id = 'a'
secret_file = '/none'
=> 3:1: client.secret_file: /none cannot be read: entity not found

[[client]]
id = 'a'
secret_file = '/long'
=> 3:1: client.secret_file: /long must be 1 to 1024 bytes

[[client]]
id = 'a'
secret_file = '/binary'
=> 3:1: client.secret_file: /binary must be UTF-8

[[client]]
id = 'a'
secret_hash = 'md5:0'
=> 3:1: client.secret_hash: must be an argon2id PHC string, or sha256: and 64 hexadecimal digits

[[client]]
id = 'a'
secret_hash = 'sha256:0'
=> 3:1: client.secret_hash: must have 64 hexadecimal digits after sha256:

[[client]]
id = 'a'
secret_file = '/long'
secret = 'x'
=> 3:1: client.secret_file: /long must be 1 to 1024 bytes
=> 4:1: client.secret: only one of secret, secret_env, secret_file and secret_hash may be given

[[user]]
name = 'a'
=> 1:1: user: needs one of password, password_env, password_file and password_hash

[[user]]
name = ' '
password = 'x'
=> 2:1: user.name: must be 1 to 255 bytes without control characters

[[user]]
name = 'Zoë'
password = 'x'
[[user]]
name = "zoe\u0308 "
password = 'x'
=> 5:1: user.name: already declared on line 2

[[user]]
name = 'a'
password_hash = '$2b$12$x'
=> 3:1: user.password_hash: must be an argon2id PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash

[[user]]
name = 'a'
password = 'x'
password_env = 'EMPTY'
=> 4:1: user.password_env: only one of password, password_env, password_file and password_hash may be given
=> 4:1: user.password_env: the environment variable EMPTY must be 1 to 1024 bytes
"#;

#[test]
fn every_fault_is_told_in_one_line_with_its_place() {
    for case in FAULTY.trim().split("\n\n") {
        let (said, text): (Vec<&str>, Vec<&str>) =
            case.lines().partition(|line| line.starts_with("=> "));
        let text = text.join("\n") + "\n";
        let faults = Fake::with_settings(&text)
            .variable("EMPTY", "")
            .file("/long", "x".repeat(1025), false)
            .file("/binary", b"\xff", false)
            .faults();
        let expected = said.join("\n").replace("=> ", "jeton.toml:");
        assert_eq!(faults, expected, "{text}");
    }
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
    let overrides = Overrides {
        http_listen: Some("0.0.0.0:8080".parse().expect("an address")),
        ..Overrides::default()
    };
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
        "secret_hash = 'Tr0ub4dor'",
        "secret_hash = '$Tr0ub4dor'",
        "secret_hash = 'sha256:Tr0ub4dor'",
        "secret = 'Tr0ub4dor'\nsecret = 'Tr0ub4dor'",
        "secret = 'Tr0ub4dor'\nsecret_hash = 'Tr0ub4dor'",
        "secrett = 'Tr0ub4dor'",
    ];
    for text in texts {
        let environment = Fake::with_settings(&format!("[[client]]\nid = 'a'\n{text}"));
        let faults = environment.load(&Overrides::default()).expect_err(text);
        assert!(!format!("{faults} {faults:?}").contains(SECRET), "{text}\n{faults}");
    }
    let loaded = Fake::with_settings("[[client]]\nid = 'a'\nsecret = 'Tr0ub4dor'").settings();
    assert!(!format!("{loaded:?}").contains(SECRET));
}

#[test]
fn files_with_secrets_that_others_can_read_are_warned_of() {
    let exposed = |path: &str| Warning::Exposed { path: path.into() };
    let with_file = "client = [{ id = 'a', secret_file = '/s' }, { id = 'b', secret_file = '/s' }]";
    for (text, expected) in [
        ("client = [{ id = 'a', secret = 'x' }]", vec![exposed(FILE)]),
        ("user = [{ name = 'a', password = 'x' }]", vec![exposed(FILE)]),
        ("client = [{ id = 'a' }]", vec![]),
        (with_file, vec![exposed("/s")]),
    ] {
        let environment = Fake::default().file(FILE, text, true).file("/s", "x", true);
        let loaded = environment.load(&Overrides::default()).expect(text);
        assert_eq!(loaded.warnings, expected, "{text}");
    }
    assert_eq!(
        exposed("/s").to_string(),
        "/s holds secrets and can be read by others than its owner: chmod 600"
    );
}

#[test]
fn plaintext_beyond_this_machine_must_be_meant_and_is_still_warned_of() {
    let environment =
        Fake::with_settings("[grpc]\nlisten = '0.0.0.0:1'\n[serve]\nallow_plaintext = true");
    let loaded = environment.load(&Overrides::default()).expect("meant");
    let [warning] = &*loaded.warnings else { panic!("one warning") };
    assert_eq!(
        warning.to_string(),
        "grpc listens on 0.0.0.0:1 without TLS: something in front must encrypt"
    );

    let refusing = Overrides { allow_plaintext: Some(false), ..Overrides::default() };
    assert!(environment.load(&refusing).is_err());

    for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let text = format!("[grpc]\nlisten = '{loopback}'");
        assert_eq!(
            Fake::with_settings(&text).load(&Overrides::default()).expect("fine").warnings,
            []
        );
    }
}

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
        .args(["--exact", "with_variables", "--ignored"])
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

#[cfg(unix)]
#[test]
fn the_process_reads_real_files_and_their_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("secret");
    fs::write(&path, "hunter2\n").expect("written");
    for (mode, exposed) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        let file = ProcessEnvironment.read(&path).expect("read");
        assert_eq!((&**file.bytes, file.exposed), (&b"hunter2\n"[..], exposed), "{mode:o}");
    }
    let endless = ProcessEnvironment.read(Path::new("/dev/zero")).map(|_| ());
    assert_eq!(endless.expect_err("too large").to_string(), "larger than 16 MiB");
    assert!(ProcessEnvironment.read(directory.path()).is_err());
}

const EXAMPLE: &str = include_str!("../examples/jeton.toml");

fn with_example_variables(text: &str) -> Fake {
    Fake::with_settings(text).variable("ORDERS_SECRET", "s").variable("ALICE_PASSWORD", "p")
}

#[test]
fn the_example_loads_and_changes_no_default() {
    let settings = with_example_variables(EXAMPLE).settings();
    let ([client], [user]) = (&*settings.clients, &*settings.users) else { panic!("one of each") };
    assert_eq!((client.id.as_str(), user.name.as_str()), ("orders", "alice"));
    assert_eq!(Settings { clients: vec![], users: vec![], ..settings }, Settings::default());
}

#[test]
fn the_example_shows_the_real_defaults() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => {
                setting
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut settings = with_example_variables(&uncommented).settings();
    let [client] = &*settings.clients else { panic!("one client") };
    let lifetimes = jeton::domain::client::Lifetimes::default();
    assert_eq!(client.access_token_ttl, Some(lifetimes.access));
    assert_eq!(client.refresh_token_ttl, Some(lifetimes.refresh));
    assert_eq!(client.grant_ttl, Some(lifetimes.grant));
    assert_eq!(client.introspect, Some(IntrospectReach::default()));
    assert_eq!(client.permissions.map(|some| some.admin || some.inactive_reason), Some(false));
    assert_eq!(client.disabled, Some(false));

    // The two that have no default are shown with a value.
    assert!(settings.http.issuer.take().is_some());
    assert!(settings.passwords.threads.take().is_some());
    assert_eq!(Settings { clients: vec![], users: vec![], ..settings }, Settings::default());
}

/// What is asked for beyond the example's keys would not be there to uncomment: an unknown key
/// names those that exist.
#[test]
fn the_example_names_every_key() {
    for section in ["grpc", "http", "store", "keys", "tokens", "passwords", "log", "serve"] {
        let faults = Fake::with_settings(&format!("[{section}]\n' ' = 1")).faults();
        let (_, keys) = faults.split_once("here may be ").expect("the keys");
        let shown = EXAMPLE.split_once(&format!("\n[{section}]\n")).expect(section).1;
        let shown = shown.split("\n[").next().unwrap_or_default();
        for key in keys.split(", ") {
            assert!(shown.contains(&format!("\n#{key} = ")), "{section}.{key}");
        }
    }
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
