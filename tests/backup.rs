//! A backup holds what was acknowledged before it, is whole or refused, and never holds a key; what
//! is restored from it is right.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jeton::{
    domain::token::Token,
    proto::v1::{BackupRequest, InactiveReason},
};
use tokio::{task::JoinSet, task::spawn_blocking};
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, client_credentials},
    command::{fail, jeton, succeed, text},
    home::{Home, copy_tree},
    refusal::assert_refused,
    server::Server,
    wait::{until, within},
};

#[track_caller]
fn assert_dead<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::Unauthenticated, "INVALID_GRANT");
}

fn file(home: &Home) -> PathBuf {
    home.path().join("store.backup")
}

/// Returns the files that unfinished backups have left.
fn partials(home: &Home) -> Vec<String> {
    let names = fs::read_dir(home.path()).expect("the home").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    });
    names.filter(|name| name.contains("partial")).collect()
}

/// The command that backs up a running server as `root`.
fn backing_up(server: &Server, to: &str) -> Command {
    let url = format!("http://{}", server.address());
    let arguments = ["backup", "--to", to, "--server", &url, "--client-id", "root"];
    let mut command = jeton(server.home(), &arguments);
    command.env("JETON_CLIENT_SECRET", "root-secret").stdin(Stdio::null());
    command
}

/// Backs up a running server to a file in its home, as `root`.
async fn back_up(server: &Server) -> serde_json::Value {
    let file = file(server.home());
    let url = format!("http://{}", server.address());
    let arguments = ["backup", "--to", text(&file), "--server", &url, "--client-id", "root"];
    let mut command = jeton(server.home(), &[&arguments[..], &["--output", "json"]].concat());
    command.env("JETON_CLIENT_SECRET", "root-secret");
    let output = spawn_blocking(move || command.output().expect("jeton runs")).await;
    let output = output.expect("it ended");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "", "nobody watches a progress bar here");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Restores a backup into another home, with the keys of the first.
fn restore(from: &Home, arguments: &[&str]) -> (Home, serde_json::Value) {
    let home = Home::new();
    let (file, data) = (file(from), home.data());
    let fixed = ["restore", "--from", text(&file), "--store", text(&data)];
    let said = succeed(&home, &[&fixed[..], arguments].concat());
    assert_eq!(succeed(&home, &["check", "--store", text(&data)])["faults"], 0);
    copy_tree(&from.keys(), &home.keys());
    for entry in fs::read_dir(home.keys()).expect("the key ring") {
        let path = entry.expect("an entry").path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("chmod");
    }
    (home, said)
}

#[tokio::test]
async fn grants_live_on_elsewhere_with_the_backup_and_the_keys() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let (first, revoked) = (shop.log_in().await, shop.log_in().await);
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.revoke(&revoked.refresh_token).await.expect("revoked");
    let cursor = shop.cursor().await;
    let said = back_up(&server).await;
    assert_eq!((said["clients"].as_u64(), said["users"].as_u64()), (Some(7), Some(2)));
    assert_eq!(said["grants"], 2);
    let mode = fs::metadata(file(server.home())).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(partials(server.home()), [""; 0]);

    let old = server.stop().await;
    let path = file(&old);
    let inspected = succeed(&old, &["backup", "inspect", text(&path)]);
    assert_eq!(inspected["verified"], true);
    for name in ["clients", "users", "grants", "keys", "backup_begin_time", "backup_end_time"] {
        assert_eq!(inspected[name], said[name], "{name}");
    }
    let (home, said) = restore(&old, &["--keep-grants"]);
    assert_eq!(
        (&said["clients"], &said["users"], &said["grants"]),
        (&7.into(), &2.into(), &2.into())
    );
    assert!(said["age"].as_str().is_some_and(|age| age.ends_with('s')), "{said}");
    let server = Server::start_at(home, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert!(shop.is_active(&second.access_token).await);
    let retry = shop.refresh(&first.refresh_token).await.expect("the pair again");
    assert_eq!(retry.refresh_token, second.refresh_token, "within the retry window");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    assert!(shop.is_active(&third.access_token).await);
    assert_eq!(gateway.reason(&revoked.access_token).await, InactiveReason::Revoked);
    assert_ne!(shop.cursor().await.get(..8), cursor.get(..8), "the feed is another store's");
    server.stop().await;
}

#[tokio::test]
async fn a_token_newer_than_the_restored_record_is_refused_and_ends_the_grant() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    back_up(&server).await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair after the backup");
    let old = server.stop().await;
    let (home, _) = restore(&old, &["--keep-grants"]);
    let server = Server::start_at(home, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert!(gateway.is_active(&first.access_token).await);
    assert!(!gateway.is_active(&second.access_token).await);
    assert_dead(shop.refresh(&second.refresh_token).await);
    server.logs("the store went back in time").await;
    assert_eq!(server.ops().await.metrics().await.count("jeton_store_went_back_total"), 1);
    assert!(!gateway.is_active(&first.access_token).await, "the grant was ended");
    assert_dead(shop.refresh(&first.refresh_token).await);
    server.stop().await;
}

#[tokio::test]
async fn without_keeping_them_all_grants_end_and_everybody_can_log_in_again_with_any_keys() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let own = shop.issue(client_credentials()).await.expect("a token for the client");
    back_up(&server).await;
    let old = server.stop().await;
    let (home, _) = restore(&old, &[]);
    let server = Server::start_at(home, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::ClientEnded);
    assert!(!gateway.is_active(&own.access_token).await);
    assert!(shop.is_active(&shop.log_in().await.access_token).await);

    let home = server.stop().await;
    let (without_keys, _) = restore(&old, &[]);
    fs::remove_dir_all(without_keys.keys()).expect("lost");
    drop(home);
    let server = Server::start_at(without_keys, &settings).await;
    let shop = server.caller("shop").await;
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert!(shop.is_active(&shop.log_in().await.access_token).await);
    server.stop().await;
}

/// Calls of one caller that were acknowledged: a call in neither list had no answer in time.
#[derive(Default)]
struct Acknowledged {
    alive: Vec<String>,
    revoked: Vec<String>,
}

/// Issues, refreshes and revokes, with notes until `note` is cleared, and without until `end` is
/// set.
async fn load(shop: Caller, note: Arc<AtomicBool>, end: Arc<AtomicBool>) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for round in 0.. {
        if end.load(Ordering::SeqCst) {
            break;
        }
        let issued = shop.issue(client_credentials()).await.expect("a token");
        let revoke = round % 3 == 0;
        if revoke {
            shop.revoke(&issued.access_token).await.expect("revoked");
        }
        if round % 50 == 1 {
            let login = shop.log_in().await;
            shop.refresh(&login.refresh_token).await.expect("a pair");
        }
        if note.load(Ordering::SeqCst) {
            let list = if revoke { &mut acknowledged.revoked } else { &mut acknowledged.alive };
            list.push(issued.access_token);
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_everything_that_was_acknowledged_before_it() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let (note, end) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let shop = server.caller("shop").await;
        calls.spawn(load(shop, Arc::clone(&note), Arc::clone(&end)));
    }
    let shop = server.caller("shop").await;
    for _ in 0..100 {
        let before = shop.cursor().await;
        until("the load to be under way", async || shop.cursor().await != before).await;
    }
    note.store(false, Ordering::SeqCst);
    back_up(&server).await;
    end.store(true, Ordering::SeqCst);
    let calls = within("the load to end", calls.join_all()).await;
    let old = server.stop().await;
    let (home, _) = restore(&old, &["--keep-grants"]);
    let (data, keys) = (home.data(), home.keys());
    let check = ["check", "--store", text(&data), "--keys", text(&keys)];
    assert_eq!(succeed(&home, &check)["faults"], 0);
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    for acknowledged in calls {
        assert!(!acknowledged.alive.is_empty() && !acknowledged.revoked.is_empty());
        for (tokens, active) in [(acknowledged.alive, true), (acknowledged.revoked, false)] {
            for tokens in tokens.chunks(1_000) {
                let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
                let results = shop.introspect_all(&tokens).await.expect("results");
                assert!(results.iter().all(|result| result.active == active));
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_written() {
    let server = Server::start(&with_admin()).await;
    server.caller("shop").await.log_in().await;
    back_up(&server).await;
    let home = server.stop().await;
    let whole = fs::read(file(&home)).expect("the file");
    let (damaged, data) = (home.path().join("damaged"), home.path().join("new"));
    let refused = |bytes: &[u8]| {
        fs::write(&damaged, bytes).expect("written");
        let inspected = fail(&home, &["backup", "inspect", text(&damaged)]);
        let said = fail(&home, &["restore", "--from", text(&damaged), "--store", text(&data)]);
        assert_eq!(inspected, said);
        assert!(!data.exists(), "{said}");
        said
    };
    for at in [20, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        assert!(refused(&flipped).contains("is damaged"), "byte {at}");
    }
    assert!(refused(&whole[..whole.len() - 1]).contains("is damaged"));
    assert!(refused(b"").contains("is not a jeton backup"));
    assert!(refused(&vec![b'x'; 1_000]).contains("is not a jeton backup"));
    let mut newer = whole;
    newer[15] = 9;
    assert!(refused(&newer).contains("run the newer release"));
}

#[tokio::test]
async fn a_restore_needs_an_empty_directory_and_takes_up_one_that_was_cut_short() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    back_up(&server).await;
    let (backup, data) = (file(server.home()), server.home().data());
    let into =
        |data: &str| ["restore", "--from", text(&backup), "--store", data].map(str::to_owned);
    let run = |home: &Home, data: &str| {
        let arguments = into(data);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        fail(home, &arguments)
    };
    assert!(run(server.home(), text(&data)).contains("is not empty"), "a store in use");
    let stranger = server.home().path().join("stranger");
    fs::create_dir(&stranger).expect("a directory");
    fs::write(stranger.join("letter"), "").expect("a file");
    assert!(run(server.home(), text(&stranger)).contains("is not empty"));

    let open = server.home().path().join("open");
    fs::create_dir(&open).expect("a directory");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("ours");
    assert!(run(server.home(), text(&open)).contains("can be replaced by everybody here"));
    assert!(fs::read_dir(&open).expect("a directory").next().is_none(), "nothing is written");

    // A restore that was killed leaves this, and a server does not take it for a store.
    let home = Home::new();
    let filling = home.data().join("filling");
    fs::create_dir_all(&filling).expect("a directory");
    fs::write(filling.join("half"), "").expect("a file");
    let log = Server::fail_to_start(&home, &settings).await;
    assert!(log.contains("a restore into it did not finish"), "{log}");
    let store = home.data();
    let arguments = into(text(&store));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    succeed(&home, &arguments);
    assert!(!filling.exists());
    Server::start_at(home, &settings).await.stop().await;
    server.stop().await;
}

/// Returns the compressed part of a backup, inflated.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut held = Vec::new();
    let body = &bytes[16..bytes.len() - 32];
    flate2::read::DeflateDecoder::new(body).read_to_end(&mut held).expect("deflate");
    held
}

#[tokio::test]
async fn no_key_and_no_secret_is_in_a_backup() {
    let server = Server::start(&with_admin()).await;
    let shop = server.caller("shop").await;
    let issued = shop.log_in().await;
    back_up(&server).await;
    let home = server.stop().await;
    let bytes = fs::read(file(&home)).expect("the file");
    let held = inflated(&bytes);
    let found = |needle: &[u8]| {
        [&bytes, &held].into_iter().any(|hay| hay.windows(needle.len()).any(|part| part == needle))
    };
    let token = Token::parse(&issued.refresh_token).expect("a token");
    assert!(found(token.key_id.as_bytes()), "the key's name is in it");
    assert!(found(b"alice"));
    let key = fs::read_to_string(home.keys().join(format!("{}.key", token.key_id)));
    let hex = key.expect("the key").trim().to_owned();
    let key: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    for part in [&key[..], &key[..8], &key[24..], hex.as_bytes(), hex.to_uppercase().as_bytes()] {
        assert!(!found(part));
    }
    for secret in ["shop-secret", "alice-password", &issued.refresh_token, &issued.access_token] {
        assert!(!found(secret.as_bytes()) && !found(&secret.as_bytes()[4..]));
    }
}

#[tokio::test]
async fn only_an_administrator_gets_a_backup_and_its_pieces_are_small() {
    let server = Server::start(&with_admin()).await;
    let shop = server.caller("shop").await;
    for _ in 0..50 {
        shop.log_in().await;
    }
    let mut admin = Admin::of(&server).await;
    let refused = admin.stub.backup(shop.signed(BackupRequest {})).await;
    assert_refused(refused, Code::PermissionDenied, "ACCESS_DENIED");
    let refused = admin.stub.backup(BackupRequest {}).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    let request = admin.signed(BackupRequest {});
    let mut pieces = admin.stub.backup(request).await.expect("a stream").into_inner();
    let mut records = 0;
    while let Some(piece) = pieces.message().await.expect("a piece") {
        assert!(piece.data.len() <= 64 << 10);
        assert!(records <= piece.records && piece.records <= piece.total_records);
        records = piece.records;
    }
    assert_eq!(records, 50 + 7 + 2);
    server.stop().await;
}

#[tokio::test]
async fn a_backup_to_standard_output_is_the_file_itself_and_a_failed_one_leaves_none() {
    let server = Server::start(&with_admin()).await;
    server.caller("shop").await.log_in().await;
    let url = format!("http://{}", server.address());
    let to = |to: &str, secret: &str| {
        let arguments = ["backup", "--to", to, "--server", &url, "--client-id", "root"];
        let mut command = jeton(server.home(), &arguments);
        command.env("JETON_CLIENT_SECRET", secret).stdin(Stdio::null());
        command.output().expect("jeton runs")
    };
    let output = to("-", "root-secret");
    assert_eq!(output.status.code(), Some(0));
    fs::write(file(server.home()), &output.stdout).expect("written");
    let target = file(server.home());
    let refused = to(text(&target), "wrong");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(fs::read(&target).expect("the one before"), output.stdout);
    assert_eq!(partials(server.home()), [""; 0]);
    let home = server.stop().await;
    restore(&home, &[]);
}

#[tokio::test]
async fn a_backup_goes_through_no_link_and_into_no_file_of_anybody_elses() {
    let server = Server::start(&with_admin()).await;
    let (home, target) = (server.home(), file(server.home()));
    let victim = home.path().join("victim");
    fs::write(&victim, "letter").expect("a file");
    symlink(&victim, home.path().join("store.backup.partial")).expect("a link");
    back_up(&server).await;
    assert_eq!(fs::read(&victim).expect("the file"), b"letter");
    fs::remove_file(home.path().join("store.backup.partial")).expect("removed");
    // One that was left open to others is another file afterwards.
    fs::set_permissions(&target, fs::Permissions::from_mode(0o666)).expect("chmod");
    back_up(&server).await;
    let mode = fs::metadata(&target).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let link = home.path().join("link");
    symlink(&victim, &link).expect("a link");
    let directory = home.path().join("directory");
    fs::create_dir(&directory).expect("a directory");
    for (to, words) in [(&link, "is a link"), (&directory, "is no file and no pipe")] {
        let output = backing_up(&server, text(to)).output().expect("jeton runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(words), "{said}");
    }
    assert_eq!(fs::read(&victim).expect("the file"), b"letter");
    assert_eq!(partials(home), [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn a_device_that_takes_nothing_is_told_of_and_stays_a_device() {
    let server = Server::start(&with_admin()).await;
    let output = backing_up(&server, "/dev/full").output().expect("jeton runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("No space left"), "{said}");
    let kind = fs::symlink_metadata("/dev/full").expect("the device").file_type();
    assert!(kind.is_char_device());
    server.stop().await;
}

#[tokio::test]
async fn a_backup_goes_through_pipes_in_both_directions() {
    let server = Server::start(&with_admin()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let (home, data) = (Home::new(), server.home().path().join("other"));
    let pipe = server.home().path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let mut writer = backing_up(&server, text(&pipe)).spawn().expect("jeton runs");
    let arguments = ["restore", "--from", text(&pipe), "--store", text(&data)];
    let output = jeton(server.home(), &arguments).output().expect("jeton runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(writer.wait().expect("it ends").success());
    let kind = fs::symlink_metadata(&pipe).expect("the pipe").file_type();
    assert!(kind.is_fifo());

    let mut writer = backing_up(&server, "-").stdout(Stdio::piped()).spawn().expect("jeton runs");
    let store = home.data();
    let arguments = ["restore", "--from", "-", "--store", text(&store), "--keep-grants"];
    let stdout = writer.stdout.take().expect("a pipe");
    let output = jeton(&home, &arguments).stdin(stdout).output().expect("jeton runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(writer.wait().expect("it ends").success());
    copy_tree(&server.home().keys(), &home.keys());
    for entry in fs::read_dir(home.keys()).expect("the key ring") {
        let path = entry.expect("an entry").path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("chmod");
    }
    server.stop().await;
    let server = Server::start_at(home, &with_admin()).await;
    assert!(server.caller("shop").await.is_active(&first.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_backup_that_breaks_off_in_a_pipe_leaves_no_store() {
    let server = Server::start(&with_admin()).await;
    for _ in 0..20 {
        server.caller("shop").await.log_in().await;
    }
    back_up(&server).await;
    let home = server.stop().await;
    let whole = fs::read(file(&home)).expect("the file");
    let data = home.path().join("other");
    for kept in [whole.len() - 1, whole.len() / 2] {
        let arguments = ["restore", "--from", "-", "--store", text(&data)];
        let mut command = jeton(&home, &arguments);
        let command = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("jeton runs");
        // It may have given up by then.
        let _broken = child.stdin.take().expect("a pipe").write_all(&whole[..kept]);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("is damaged"), "{said}");
        assert!(!data.join("store").exists() && !data.join("filling").exists(), "{said}");
    }
}
