//! `jeton check --deep` reports the state of this machine for a server with the same settings.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs::{self, File, Permissions},
    future::ready,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

use jeton::proto::v1::Client;
use serde_json::Value;

use crate::common::{
    admin::{Admin, with_admin},
    command::{jeton, succeed, text},
    home::Home,
    server::{self, Server},
    settings::Settings,
    wait::until,
};

/// A check of the home's own settings with changes by variables.
struct Checked {
    code: Option<i32>,
    findings: Vec<Value>,
    said: String,
}

impl Checked {
    /// Checks the settings file of a home.
    fn run(home: &Home, environment: &[(&str, &str)]) -> Self {
        let file = home.path().join("jeton.toml");
        let output = check(home, &file, &["--output", "json"], environment);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let findings: Value = serde_json::from_slice(&output.stdout).expect(&said);
        let findings = findings.as_array().expect("a list").clone();
        Self { code: output.status.code(), findings, said }
    }

    /// Insists on one finding with that level and subject that says this, with something to do.
    #[track_caller]
    fn says(&self, level: &str, subject: &str, part: &str) {
        let found = self.findings.iter().any(|finding| {
            let remedy = finding["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty());
            let found = finding["found"].as_str().is_some_and(|found| found.contains(part));
            finding["level"] == level
                && finding["subject"] == subject
                && found
                && remedy == (level != "good")
        });
        assert!(found, "{level} {subject} {part}: {:#?}", self.findings);
        let errors = self.findings.iter().any(|finding| finding["level"] == "error");
        assert_eq!(self.code, Some(i32::from(errors)), "{}", self.said);
    }

    #[track_caller]
    fn has_no_errors(&self) {
        assert_eq!(self.code, Some(0), "{:#?}", self.findings);
    }
}

/// Free ports, unless a test names others.
fn check(home: &Home, file: &Path, more: &[&str], environment: &[(&str, &str)]) -> Output {
    let arguments = [&["check", "--deep", "--config", text(file)], more].concat();
    let free = ["JETON_GRPC_LISTEN", "JETON_HTTP_LISTEN", "JETON_OPS_LISTEN"];
    let mut command = jeton(home, &arguments);
    command.envs(free.map(|name| (name, "127.0.0.1:0"))).envs(environment.iter().copied());
    command.output().expect("jeton runs")
}

/// A home with a store, keys and settings that a server has left in order.
async fn left(settings: &Settings) -> Home {
    let server = Server::start(settings).await;
    // A task of its own writes it, before or after the server serves.
    let named = server.home().data().join("named-keys");
    until("the names of the keys to be there", || ready(named.exists())).await;
    server.stop().await
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

#[tokio::test]
async fn a_home_in_order_has_no_errors_before_beside_and_after_a_server() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let taken = [("JETON_GRPC_LISTEN", server.address())];
    let beside = Checked::run(server.home(), &taken);
    beside.has_no_errors();
    beside.says("good", "store", "in use by a server");
    beside.says("good", "ports", "in use while a server runs");
    beside.says("warning", "password grant", "shop");
    let home = server.stop().await;
    let after = Checked::run(&home, &[]);
    after.has_no_errors();
    after.says("good", "store", "in use by nobody");
    after.says("good", "keys", "is active");
    after.says("good", "clock", "it says 20");
    after.says("good", "credentials", "none of those");
    // The check changed nothing: a server starts.
    Server::start_at(home, &settings).await.stop().await;

    let fresh = left(&settings).await;
    fs::remove_dir_all(fresh.data()).expect("the store");
    fs::remove_dir_all(fresh.keys()).expect("the keys");
    let before = Checked::run(&fresh, &[]);
    before.has_no_errors();
    before.says("good", "store", "a start makes it");
    before.says("good", "keys", "a start makes it");
    assert!(!fresh.data().exists() && !fresh.keys().exists(), "nothing is made");
}

#[tokio::test]
async fn one_line_a_finding_says_what_to_do() {
    let home = left(&Settings::standard()).await;
    chmod(&home.data(), 0o755);
    let output = check(&home, &home.path().join("jeton.toml"), &[], &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let data = home.data();
    let line = format!(
        "warning access: the data directory {0} is open to others (mode 755): chmod 700 {0}",
        text(&data)
    );
    assert!(said.lines().any(|said| said == line), "{said}");
    let level = |line: &str| ["good ", "warning ", "error "].iter().any(|l| line.starts_with(l));
    assert!(said.lines().all(level), "{said}");
}

#[tokio::test]
async fn what_others_can_reach_is_warned_of_and_what_everybody_can_replace_is_refused() {
    let home = left(&Settings::standard()).await;
    for directory in [home.data(), home.keys()] {
        chmod(&directory, 0o777);
        Checked::run(&home, &[]).says("error", "access", "can be replaced by everybody here");
        let said = Server::fail_to_start(&home, &Settings::standard()).await;
        assert!(said.contains("can be replaced by everybody here (mode 777): chmod 700"), "{said}");
        chmod(&directory, 0o750);
    }
    let key = home.path().join("server.key");
    fs::write(&key, "").expect("a file");
    chmod(&key, 0o644);
    let tls = [("JETON_TLS_CERT", text(&key)), ("JETON_TLS_KEY", text(&key))];
    let found = "the private key of TLS";
    Checked::run(&home, &tls).says("warning", "access", found);
    let server = Server::start_at(home, &Settings::standard()).await;
    for words in ["the data directory", "the key ring"] {
        let warned = |line: &str| {
            line.contains("WARN") && line.contains(words) && line.contains("is open to others")
        };
        assert!(server.log().lines().any(warned), "{}", server.log());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_directory_above_where_everybody_can_put_another_in_its_place_is_warned_of() {
    let home = left(&Settings::standard()).await;
    chmod(home.path(), 0o777);
    let checked = Checked::run(&home, &[]);
    checked.says("warning", "access", "the data directory lies below");
    checked.says("warning", "access", "the key ring lies below");
    checked.has_no_errors();
    // In a directory like /tmp a user cannot rename the files of another.
    chmod(home.path(), 0o1777);
    let checked = Checked::run(&home, &[]);
    assert!(!format!("{:?}", checked.findings).contains("lies below"), "{:#?}", checked.findings);
    chmod(home.path(), 0o777);
    let server = Server::start_at(home, &Settings::standard()).await;
    let warned = |line: &str| line.contains("WARN") && line.contains("the key ring lies below");
    assert!(server.log().lines().any(warned), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn what_others_can_read_is_told() {
    let home = left(&Settings::standard()).await;
    chmod(&home.path().join("jeton.toml"), 0o644);
    chmod(&home.keys(), 0o750);
    let checked = Checked::run(&home, &[]);
    checked.says("warning", "settings", "others can read it");
    checked.says("warning", "access", "open to others (mode 750)");
    for entry in fs::read_dir(home.keys()).expect("the keys") {
        chmod(&entry.expect("an entry").path(), 0o644);
    }
    Checked::run(&home, &[]).says("error", "keys", "must not be readable by group or others");
}

#[tokio::test]
async fn keys_that_are_gone_or_lie_beside_the_data_are_told() {
    let home = left(&Settings::standard()).await;
    let inside = home.data().join("keys");
    fs::rename(home.keys(), &inside).expect("moved");
    Checked::run(&home, &[]).says(
        "error",
        "keys",
        "has none of the keys that the store's records name",
    );
    let checked = Checked::run(&home, &[("JETON_KEYS_PATH", text(&inside))]);
    checked.says("warning", "keys", "lies in the data directory");
    checked.has_no_errors();
}

#[tokio::test]
async fn a_clock_behind_the_last_write_is_an_error() {
    let home = left(&Settings::standard()).await;
    #[expect(clippy::disallowed_methods, reason = "a file is to be from the future")]
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let floor = File::options().write(true).open(home.data().join("floor")).expect("the floor");
    floor.set_modified(tomorrow).expect("a time");
    Checked::run(&home, &[]).says("error", "clock", "behind the last write of");
}

#[tokio::test]
async fn a_disk_that_is_too_full_is_an_error() {
    let home = left(&Settings::standard()).await;
    let checked = Checked::run(&home, &[("JETON_MIN_FREE_SPACE", "1TiB")]);
    checked.says("error", "space", "nothing would be issued");
    let checked = Checked::run(&home, &[("JETON_MIN_FREE_SPACE", "0")]);
    checked.says("warning", "space", "nothing keeps the store from filling the disk");
}

#[tokio::test]
async fn a_port_that_another_has_or_two_listeners_share_is_an_error() {
    let home = left(&Settings::standard()).await;
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("its address").to_string();
    let checked = Checked::run(&home, &[("JETON_HTTP_LISTEN", &address)]);
    checked.says("error", "ports", &format!("HTTP on {address}: "));
    drop(other);
    let both = [("JETON_HTTP_LISTEN", &*address), ("JETON_OPS_LISTEN", &address)];
    // As a start binds them: that of probes first.
    Checked::run(&home, &both).says("error", "ports", &format!("HTTP on {address}: "));
    let said = Server::fail_to_start_with(&home, &Settings::standard(), &both).await;
    assert!(said.contains(&format!("HTTP on {address}: ")), "{said}");
    // An address of documentation (RFC 5737): nobody has it.
    let foreign = [("JETON_OPS_LISTEN", "192.0.2.1:9090")];
    Checked::run(&home, &foreign).says("error", "ports", "ops on 192.0.2.1:9090: ");
}

#[tokio::test]
async fn plaintext_beyond_this_machine_is_told() {
    let home = left(&Settings::standard()).await;
    let open = [
        ("JETON_ALLOW_PLAINTEXT", "true"),
        ("JETON_GRPC_LISTEN", "0.0.0.0:0"),
        ("JETON_OPS_LISTEN", "0.0.0.0:0"),
        ("JETON_HTTP_ISSUER", "http://tokens.example.internal"),
    ];
    let checked = Checked::run(&home, &open);
    checked.says("warning", "plaintext", "grpc listens on 0.0.0.0:0 without TLS");
    checked.says("warning", "plaintext", "ops on 0.0.0.0:0");
    checked.says("warning", "plaintext", "http.issuer is http://");
    Checked::run(&home, &[]).says("good", "plaintext", "unencrypted");
}

#[tokio::test]
async fn credentials_that_everybody_knows_are_an_error() {
    let settings = Settings::standard().declare("shop", "secret", "'demo-secret'").declare(
        "bob",
        "password",
        "'demo-password'",
    );
    let home = left(&settings).await;
    let checked = Checked::run(&home, &[]);
    checked.says("error", "credentials", "client shop, user bob");
    assert!(checked.said.contains("not fit to serve: errors: 1"), "{}", checked.said);
    let printed = format!("{:?}{}", checked.findings, checked.said);
    assert!(!printed.contains("demo-"), "no secret is printed: {printed}");
}

#[test]
fn the_settings_of_the_first_look_are_not_fit_to_serve() {
    let home = Home::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/dev.toml");
    let output = check(&home, &file, &["--output", "json"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let findings = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(findings.contains("client demo, client admin, user alice"), "{findings}");
}

#[test]
fn it_needs_settings_and_no_store() {
    let home = Home::new();
    let nothing = jeton(&home, &["check", "--deep"]).output().expect("jeton runs");
    assert_eq!(nothing.status.code(), Some(2));
    let both = jeton(&home, &["check", "--deep", "--store", "a"]).output().expect("jeton runs");
    assert_eq!(both.status.code(), Some(2));
}

type Change = Box<dyn Fn(&Home)>;

/// Breaks something of a home, and names what a check looks at there, with variables for both. The
/// advice mends it, without these variables.
struct Broken {
    subject: &'static str,
    environment: Vec<(&'static str, String)>,
    of: Change,
    mend: Option<Change>,
}

impl Broken {
    fn of(subject: &'static str, of: impl Fn(&Home) + 'static) -> Self {
        Self { subject, environment: Vec::new(), of: Box::new(of), mend: None }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn mended(mut self, mend: impl Fn(&Home) + 'static) -> Self {
        self.mend = Some(Box::new(mend));
        self
    }
}

fn append(path: &Path) {
    let file = File::options().append(true).open(path).expect("a file");
    file.set_len(file.metadata().expect("its length").len() + 1).expect("longer");
}

#[tokio::test]
async fn where_a_start_refuses_the_check_refuses_with_the_same_words() {
    let settings = Settings::standard();
    let other = left(&settings).await;
    let other_keys = other.keys();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = (taken.local_addr().expect("its address").to_string(), taken);
    let cases = [
        Broken::of("store", |home| append(&home.data().join("store/db"))),
        Broken::of("store", |home| append(&home.data().join("store/stranger.created"))),
        Broken::of("store", |home| fs::remove_dir_all(home.data().join("store")).expect("gone")),
        Broken::of("store", |home| fs::write(home.data().join("floor"), "").expect("damage")),
        Broken::of("store", |home| {
            let data = home.data();
            fs::create_dir(data.join("filling")).expect("a restore that was cut short");
            for name in ["store", "floor", "seal"] {
                fs::rename(data.join(name), data.join("filling").join(name)).expect("moved");
            }
        }),
        Broken::of("keys", |home| fs::rename(home.keys(), aside(home)).expect("moved"))
            .mended(|home| fs::rename(aside(home), home.keys()).expect("restored")),
        Broken::of("keys", |home| chmod(&the_key(home), 0o640))
            .mended(|home| chmod(&the_key(home), 0o600)),
        Broken::of("keys", |home| {
            fs::copy(the_key(home), aside(home)).expect("a copy");
            fs::write(the_key(home), "half a k").expect("a broken key");
        })
        .mended(|home| {
            fs::copy(aside(home), the_key(home)).expect("restored");
        }),
        Broken::of("keys", |_| {}).with("JETON_KEYS_PATH", text(&other_keys)).mended(|_| {}),
        Broken::of("store", |home| {
            fs::rename(home.data(), aside(home)).expect("moved");
            fs::write(home.data(), "").expect("a file in its place");
        })
        .mended(|home| {
            fs::remove_file(home.data()).expect("gone");
            fs::rename(aside(home), home.data()).expect("restored");
        }),
        Broken::of("store", |home| fs::write(home.path().join("file"), "").expect("a file"))
            .with("JETON_STORE_PATH", "file/data")
            .mended(|_| {}),
        Broken::of("keys", |home| {
            fs::remove_dir_all(home.data()).expect("gone");
            fs::write(home.path().join("file"), "").expect("a file");
        })
        .with("JETON_KEYS_PATH", "file/keys")
        .mended(|_| {}),
        Broken::of("access", |home| chmod(&home.data(), 0o777))
            .mended(|home| chmod(&home.data(), 0o700)),
        Broken::of("ports", |_| {}).with("JETON_HTTP_LISTEN", &taken.0).mended(|_| {}),
        Broken::of("ports", |home| fs::write(home.path().join("file"), "").expect("a file"))
            .with("JETON_CHECK_LISTEN", "unix:file")
            .with("JETON_CHECK_CLIENT", "shop")
            .mended(|_| {}),
        Broken::of("certificate", |_| {})
            .with("JETON_TLS_CERT", "absent.pem")
            .with("JETON_TLS_KEY", "absent.key")
            .mended(|_| {}),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let home = left(&settings).await;
        if number == 1 {
            fs::write(home.data().join("store/stranger.created"), "").expect("a file");
        }
        (case.of)(&home);
        refused_alike(&home, &settings, &case).await;
        if let Some(mend) = &case.mend {
            mend(&home);
            Checked::run(&home, &[]).has_no_errors();
            Server::start_at(home, &settings).await.stop().await;
        }
    }
    let directory = tempfile::tempdir().expect("a directory");
    let audited =
        settings.clone().set("audit", "target", &format!("file:{}", directory.path().display()));
    let home = Home::new();
    home.write(&audited);
    refused_alike(&home, &audited, &Broken::of("audit", |_| {})).await;
    let nowhere = directory.path().join("absent/audit.jsonl");
    let audited = settings.set("audit", "target", &format!("file:{}", nowhere.display()));
    home.write(&audited);
    refused_alike(&home, &audited, &Broken::of("audit", |_| {})).await;
}

/// The same command where root, too, is refused what belongs to others.
fn without_privileges(command: &Command, home: &Home) -> Command {
    let mut bare = Command::new(command.get_program());
    if is_root(home) {
        bare = Command::new("setpriv");
        bare.args(["--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]);
        bare.arg(command.get_program());
    }
    bare.args(command.get_args()).current_dir(home.path()).env_clear();
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    bare.envs(variables);
    bare
}

fn is_root(home: &Home) -> bool {
    fs::metadata(home.path()).expect("the home").uid() == 0
}

/// Gives the data directory to another user, or, by who is not root, to nobody.
fn give_away(home: &Home) {
    const NOBODY: u32 = 65_534;
    if is_root(home) {
        chown(home.data(), Some(NOBODY), Some(NOBODY)).expect("root may");
    } else {
        chmod(&home.data(), 0o000);
    }
}

#[tokio::test]
async fn what_belongs_to_another_user_is_refused_until_it_is_given_to_the_one_that_serves() {
    const WORDS: &str = "Permission denied";
    let settings = Settings::standard();
    let home = left(&settings).await;
    let file = home.path().join("jeton.toml");
    let check = || {
        let mut check = jeton(&home, &["check", "--deep", "--config", text(&file)]);
        let free = ["JETON_GRPC_LISTEN", "JETON_HTTP_LISTEN", "JETON_OPS_LISTEN"];
        check.envs(free.map(|name| (name, "127.0.0.1:0")));
        without_privileges(&check, &home).output().expect("jeton runs")
    };
    give_away(&home);
    let checked = check();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    let told = |line: &str| line.starts_with("error   store: ") && line.contains(WORDS);
    assert!(said.lines().any(told), "{said} {}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(checked.status.code(), Some(1));
    let served = without_privileges(&server::jeton(&home, &settings), &home).output();
    let served = served.expect("jeton runs");
    let said = String::from_utf8_lossy(&served.stderr).into_owned();
    assert!(said.lines().last().is_some_and(|line| line.contains(WORDS)), "{said}");
    assert_eq!(served.status.code(), Some(1));

    if is_root(&home) {
        chown(home.data(), Some(0), Some(0)).expect("root may");
    } else {
        chmod(&home.data(), 0o700);
    }
    assert_eq!(check().status.code(), Some(0));
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn a_check_makes_no_file_keeps_no_port_and_holds_no_lock() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address").to_string();
    drop(free);
    let home = Home::new();
    let audit = home.path().join("audit.jsonl");
    let settings = Settings::standard().set("audit", "target", &format!("file:{}", text(&audit)));
    home.write(&settings);
    let there = |home: &Home| {
        let entries = fs::read_dir(home.path()).expect("the home").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = there(&home);
    let environment = [("JETON_GRPC_LISTEN", &*address), ("JETON_RUNTIME", "per-core")];
    let checked = Checked::run(&home, &environment);
    checked.has_no_errors();
    checked.says("good", "ports", &format!("gRPC on {address} can be had"));
    checked.says("good", "audit", "can be written");
    assert_eq!(there(&home), before);
    drop(TcpListener::bind(&address).expect("the port is free"));
    // Two at the same time are in nobody's way, and a server starts after them.
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let home = left(&Settings::standard()).await;
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("its address").to_string();
    append(&home.data().join("store/db"));
    fs::remove_dir_all(home.keys()).expect("gone");
    let broken = [
        ("JETON_GRPC_LISTEN", &*address),
        ("JETON_OPS_LISTEN", &address),
        ("JETON_TLS_CERT", "absent.pem"),
        ("JETON_TLS_KEY", "absent.key"),
    ];
    let checked = Checked::run(&home, &broken);
    for (subject, part) in [
        ("store", "the store is damaged"),
        ("keys", "has none of the keys"),
        ("certificate", "TLS: "),
        ("ports", &*format!("gRPC on {address}: ")),
        ("ports", &format!("ops on {address}: ")),
    ] {
        checked.says("error", subject, part);
    }
    assert!(checked.said.contains("not fit to serve: errors: 5"), "{}", checked.said);
}

fn aside(home: &Home) -> PathBuf {
    home.path().join("aside")
}

fn the_key(home: &Home) -> PathBuf {
    let mut keys = fs::read_dir(home.keys()).expect("the ring").flatten().map(|entry| entry.path());
    keys.find(|path| path.extension().is_some_and(|name| name == "key")).expect("a key")
}

async fn refused_alike(home: &Home, settings: &Settings, case: &Broken) {
    let environment: Vec<_> =
        case.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let checked = Checked::run(home, &environment);
    let errors = checked.findings.iter().filter(|finding| finding["level"] == "error");
    let errors: Vec<_> = errors.filter(|finding| finding["subject"] == case.subject).collect();
    let [error] = &*errors else { panic!("{}: {:#?}", case.subject, checked.findings) };
    let words = error["found"].as_str().expect("what was found");
    let said = Server::fail_to_start_with(home, settings, &environment).await;
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains(words), "{}: {words:?} is not in {last:?}", case.subject);
    assert_eq!(checked.code, Some(1));
}

#[tokio::test]
async fn a_certificate_for_another_name_than_the_issuers_is_warned_of() {
    let home = left(&Settings::standard()).await;
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["tokens.example".to_owned(), "*.internal".to_owned()];
    let parameters = rcgen::CertificateParams::new(names).expect("names");
    let (cert, path) = (home.path().join("tls.pem"), home.path().join("tls.key"));
    fs::write(&cert, parameters.self_signed(&key).expect("a certificate").pem()).expect("written");
    fs::write(&path, key.serialize_pem()).expect("written");
    chmod(&path, 0o600);
    for (issuer, named) in [
        ("https://tokens.example", true),
        ("https://tokens.internal/t", true),
        ("https://tokens.example.net", false),
    ] {
        let checked = Checked::run(
            &home,
            &[
                ("JETON_TLS_CERT", text(&cert)),
                ("JETON_TLS_KEY", text(&path)),
                ("JETON_HTTP_ISSUER", issuer),
            ],
        );
        if named {
            let warned =
                |finding: &Value| finding["subject"] == "certificate" && finding["level"] != "good";
            assert!(!checked.findings.iter().any(warned), "{:#?}", checked.findings);
        } else {
            checked.says("warning", "certificate", "does not name tokens.example.net");
        }
        checked.has_no_errors();
    }
}

#[tokio::test]
async fn a_key_that_records_name_is_missed_and_what_is_declared_no_more_is_named() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let old = the_key(server.home());
    server.caller("shop").await.log_in().await;
    let keys = server.home().keys();
    let added = succeed(server.home(), &["key", "add", "--keys", text(&keys)]);
    let added = added["key_id"].as_str().expect("an id").to_owned();
    succeed(server.home(), &["key", "activate", &added, "--keys", text(&keys)]);
    server.logs(&format!(r#""active":"{added}""#)).await;
    let home = server.stop().await;
    fs::rename(&old, home.path().join("aside")).expect("moved");
    let checked = Checked::run(&home, &[]);
    let id = old.file_stem().and_then(|name| name.to_str()).expect("an id");
    checked.says("warning", "keys", &format!("lacks the key {id} that records name"));

    home.write(&settings.without("kiosk").without("bob"));
    let checked = Checked::run(&home, &[]);
    for name in ["client kiosk", "user bob"] {
        checked.says("warning", "declared", &format!("the {name} was declared at the last start"));
    }
    checked.has_no_errors();
}

/// A home with a store in which an administrator has shortened the life of a client's grants, and settings
/// that declare it another life of tokens.
async fn disagreeing(stop: impl AsyncFnOnce(Server) -> Home) -> (Home, Settings) {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let minutes = prost_types::Duration::try_from(Duration::from_secs(600)).ok();
    let client = Client {
        client_id: "shop".to_owned(),
        access_token_ttl: minutes,
        grant_ttl: minutes,
        ..Client::default()
    };
    let admin = Admin::of(&server).await;
    admin.update_client(client, &["access_token_ttl", "grant_ttl"]).await.expect("it fits");
    let settings = settings.declare("shop", "access_token_ttl", r#""1h""#);
    server.home().write(&settings);
    let beside = Checked::run(server.home(), &[]);
    beside.says("good", "declared", "not compared with what administrators have changed: a server");
    (stop(server).await, settings)
}

const SHORTENED: &str = "the declared client shop: client.access_token_ttl: must be at most";

#[tokio::test]
async fn a_declaration_that_does_not_fit_the_stored_client_is_refused_by_start_and_check_alike() {
    let (home, settings) = disagreeing(Server::stop).await;
    let before = home.at_rest();
    Checked::run(&home, &[]).says("error", "declared", SHORTENED);
    assert_eq!(home.at_rest(), before, "the store is as it was");
    refused_alike(&home, &settings, &Broken::of("declared", |_| {})).await;
    // Too little space for a copy: nothing is known, and the check goes on.
    let checked = Checked::run(&home, &[("JETON_MIN_FREE_SPACE", "1TiB")]);
    checked.says("warning", "declared", "above store.min_free_space");
    let settings = settings.declare("shop", "disabled", "true");
    home.write(&settings);
    let checked = Checked::run(&home, &[]);
    checked.has_no_errors();
    checked.says("good", "declared", "it fits what administrators have changed");
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn a_store_that_was_not_closed_is_compared_as_well_and_what_a_check_left_is_removed() {
    let (home, settings) = disagreeing(Server::kill).await;
    let left = home.data().join("copy");
    fs::create_dir(&left).expect("of a check that was killed");
    fs::write(left.join("floor"), "half").expect("a file");
    let before = home.at_rest();
    Checked::run(&home, &[]).says("error", "declared", SHORTENED);
    assert_eq!(home.at_rest().len(), before.len() - 1, "no more than the leftover is gone");
    refused_alike(&home, &settings, &Broken::of("declared", |_| {})).await;

    fs::create_dir(&left).expect("of a check that was killed");
    let settings = settings.declare("shop", "access_token_ttl", r#""5m""#);
    let home = Server::start_at(home, &settings).await.stop().await;
    assert!(!left.exists(), "a start removes it");
    // One that is under way is left alone.
    fs::create_dir(&left).expect("a directory");
    let lock = File::create(left.join("lock")).expect("a lock");
    lock.try_lock().expect("it is free");
    let checked = Checked::run(&home, &[]);
    checked.says("warning", "declared", "in use by another process");
    let _home = Server::start_at(home, &settings).await.stop().await;
    assert!(left.exists());
}
