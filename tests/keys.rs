//! Server keys are added, activated and removed while the server runs, and no event between two
//! steps makes a good token bad.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use jeton::{
    domain::token::Token,
    proto::v1::{GetStatusRequest, InactiveReason, RefreshTokenResponse},
};
use tokio::task::spawn_blocking;
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::Caller,
    command::{fail, jeton, succeed, text},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::until,
};

fn key_of(token: &str) -> String {
    Token::parse(token).expect("a token").key_id.to_string()
}

fn file_of(home: &Home, id: &str) -> PathBuf {
    home.keys().join(format!("{id}.key"))
}

fn key(home: &Home, arguments: &[&str]) -> serde_json::Value {
    let keys = home.keys();
    succeed(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat())
}

fn refused(home: &Home, arguments: &[&str]) -> String {
    let keys = home.keys();
    fail(home, &[&["key"], arguments, &["--keys", text(&keys)]].concat())
}

fn active(home: &Home) -> String {
    key(home, &["list"])["active"].as_str().expect("an id").to_owned()
}

fn add(home: &Home) -> String {
    key(home, &["add"])["key_id"].as_str().expect("an id").to_owned()
}

fn remove_offline(home: &Home, id: &str) -> Vec<String> {
    let store = home.data();
    ["remove", id, "--store", text(&store)].map(str::to_owned).to_vec()
}

/// Adds a key, activates it, and waits until the server makes tokens with it.
async fn rotate(server: &Server) -> String {
    let id = add(server.home());
    key(server.home(), &["activate", &id]);
    uses(server, &id).await;
    id
}

async fn uses(server: &Server, id: &str) {
    server.logs(&format!(r#""active":"{id}""#)).await;
}

/// Puts a key's file there, for its owner alone.
fn distribute(path: &Path, bytes: &[u8]) {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    open.expect("a new file").write_all(bytes).expect("written");
}

async fn refresh(shop: &Caller, token: &str) -> RefreshTokenResponse {
    shop.refresh(token).await.expect("a pair")
}

#[tokio::test]
async fn a_key_is_added_and_activated_without_a_restart_and_a_refresh_moves_a_grant_to_it() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let old = key_of(&first.access_token);
    assert_eq!(active(server.home()), old);

    let added = add(server.home());
    server.signal("HUP");
    server.logs("the key ring has changed").await;
    assert_eq!(key_of(&shop.log_in().await.access_token), old, "added, not activated");
    key(server.home(), &["activate", &added]);
    uses(&server, &added).await;

    assert!(shop.is_active(&first.access_token).await);
    let second = refresh(&shop, &first.refresh_token).await;
    assert_eq!(
        (key_of(&second.access_token), key_of(&second.refresh_token)),
        (added.clone(), added)
    );
    assert!(shop.is_active(&first.access_token).await, "within the overlap");
    server.stop().await;
}

#[tokio::test]
async fn a_retry_across_an_activation_gives_the_identical_pair() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = refresh(&shop, &first.refresh_token).await;
    rotate(&server).await;
    let retry = refresh(&shop, &first.refresh_token).await;
    assert_eq!(retry.access_token, second.access_token);
    assert_eq!(retry.refresh_token, second.refresh_token);
    rotate(&server).await;
    let home = server.kill().await;
    let server = Server::start_at(home, &Settings::standard()).await;
    let shop = server.caller("shop").await;
    let retry = refresh(&shop, &first.refresh_token).await;
    assert_eq!(retry.refresh_token, second.refresh_token, "after another one, and kill -9");
    let third = refresh(&shop, &second.refresh_token).await;
    assert_eq!(key_of(&third.refresh_token), active(server.home()));
    server.stop().await;
}

#[tokio::test]
async fn an_active_key_without_a_readable_file_is_refused_and_the_keys_before_stay() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let home = server.home();
    let old = active(home);
    let added = add(home);
    let aside = home.path().join("aside");
    fs::rename(file_of(home, &added), &aside).expect("not distributed to here");
    assert!(refused(home, &["activate", &added]).contains("holds no key"));
    fs::write(home.keys().join("active"), &added).expect("activated elsewhere");
    server.logs("has no file").await;
    assert_eq!(key_of(&shop.log_in().await.access_token), old);

    distribute(&file_of(home, &added), b"half a k");
    server.logs("must hold 64 hexadecimal digits").await;
    assert_eq!(key_of(&shop.log_in().await.access_token), old);

    fs::rename(&aside, file_of(home, &added)).expect("distributed");
    uses(&server, &added).await;
    server.stop().await;
}

#[tokio::test]
async fn the_active_key_is_not_removed() {
    let server = Server::start(&Settings::standard()).await;
    let home = server.stop().await;
    let id = active(&home);
    let arguments = remove_offline(&home, &id);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    assert!(refused(&home, &arguments).contains("activate another one first"));
    assert!(file_of(&home, &id).exists());
}

/// For all that a store without a newer record knows, the machine's clock may be ahead.
#[tokio::test]
async fn a_key_of_grants_that_have_expired_since_the_newest_record_is_not_removed() {
    let mut settings = Settings::standard();
    for ttl in ["access_token_ttl", "refresh_token_ttl", "grant_ttl"] {
        settings = settings.declare("shop", ttl, r#""2s""#);
    }
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let login = shop.log_in().await;
    let old = key_of(&login.access_token);
    rotate(&server).await;
    until("to expire", async || !shop.is_active(&login.access_token).await).await;
    let home = server.stop().await;
    let removal = remove_offline(&home, &old);
    let removal: Vec<_> = removal.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let said = refused(&home, &removal);
        assert!(said.contains(&login.grant_id), "{said}");
        assert!(file_of(&home, &old).exists());
    }
    // A server has lived until now.
    let server = Server::start_at(home, &settings).await;
    server.caller("rival").await.log_in().await;
    let home = server.stop().await;
    key(&home, &removal);
    assert!(!file_of(&home, &old).exists());
}

#[tokio::test]
async fn a_key_goes_only_when_nothing_live_names_it_and_its_tokens_are_unknown_then() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let old = key_of(&first.refresh_token);
    rotate(&server).await;
    let second = refresh(&shop, &first.refresh_token).await;
    let removal = remove_offline(server.home(), &old);
    let removal: Vec<_> = removal.iter().map(String::as_str).collect();
    assert!(refused(server.home(), &removal).contains("in use by another process"));

    let home = server.stop().await;
    let said = refused(&home, &removal);
    assert!(said.contains(&first.grant_id), "the generation before names it: {said}");
    assert!(file_of(&home, &old).exists());

    let server = Server::start_at(home, &settings).await;
    let third = refresh(&server.caller("shop").await, &second.refresh_token).await;
    let home = server.stop().await;
    key(&home, &removal);
    assert!(!file_of(&home, &old).exists());

    let server = Server::start_at(home, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert!(shop.is_active(&third.access_token).await);
    assert_refused(
        shop.refresh(&first.refresh_token).await,
        Code::Unauthenticated,
        "INVALID_GRANT",
    );
    let reason = gateway.reason(&first.access_token).await;
    assert!(matches!(reason, InactiveReason::Unknown | InactiveReason::Superseded), "{reason:?}");
    assert!(!server.log().contains("lacks a key"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_nobody_needs_any_more_is_forgotten_when_its_file_goes() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let old = key_of(&first.access_token);
    rotate(&server).await;
    shop.revoke(&first.refresh_token).await.expect("revoked");
    let changes = |log: &str| log.matches("the key ring has changed").count();
    let before = changes(&server.log());
    fs::remove_file(file_of(server.home(), &old)).expect("removed");
    until("the key to be forgotten", async || {
        shop.is_active(&first.access_token).await;
        changes(&server.log()) > before
    })
    .await;
    let home = server.kill().await;
    let server = Server::start_at(home, &settings).await;
    assert!(!server.log().contains("lacks a key"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn a_running_server_tells_whether_a_key_is_needed_and_forgets_it_when_it_is_removed() {
    let server = Server::start(&with_admin()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let old = key_of(&first.access_token);
    let new = rotate(&server).await;
    let (keys, url) = (server.home().keys(), format!("http://{}", server.address()));
    let remove = |id: &str| {
        let asked = ["key", "remove", id, "--keys", text(&keys), "--server", &url];
        let mut command = jeton(server.home(), &[&asked[..], &["--client-id", "root"]].concat());
        command.env("JETON_CLIENT_SECRET", "root-secret");
        async move {
            let output = spawn_blocking(move || command.output()).await.expect("it ended");
            let output = output.expect("jeton runs");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        }
    };
    for id in [&old, &new] {
        let (code, said) = remove(id).await;
        assert_eq!(code, Some(1));
        assert!(said.contains("may be needed"), "{said}");
        assert!(file_of(server.home(), id).exists());
    }
    shop.revoke(&first.refresh_token).await.expect("revoked");
    assert_eq!(remove(&old).await, (Some(0), String::new()));
    let admin = Admin::of(&server).await;
    until("the key to be forgotten", async || {
        let answer = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
        let keys = answer.expect("a status").into_inner().keys;
        keys.len() == 1 && keys[0].key_id == new && keys[0].active && keys[0].in_use
    })
    .await;
    let (code, said) = remove(&old).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("holds no such key"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_is_needed_stays_in_use_when_its_file_goes() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let old = key_of(&first.access_token);
    rotate(&server).await;
    let path = file_of(server.home(), &old);
    let bytes = fs::read(&path).expect("the key");
    fs::remove_file(&path).expect("removed by mistake");
    server.logs("put it back").await;
    let second = refresh(&shop, &first.refresh_token).await;
    assert!(shop.is_active(&second.access_token).await);

    // Without it a new process cannot distinguish the token from garbage, and does not guess.
    let home = server.kill().await;
    let server = Server::start_at(home, &settings).await;
    assert!(server.log().contains("lacks a key"), "{}", server.log());
    let refused = server.caller("shop").await.refresh(&first.refresh_token).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    distribute(&path, &bytes);
    let shop = server.caller("shop").await;
    until("the key to be back", async || shop.refresh(&first.refresh_token).await.is_ok()).await;
    server.stop().await;
}

#[tokio::test]
async fn kill_9_between_the_steps_loses_no_token_and_a_removal_is_taken_up_again() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let old = key_of(&first.access_token);
    let added = add(server.home());
    let server = Server::start_at(server.kill().await, &settings).await;
    let shop = server.caller("shop").await;
    let between = shop.log_in().await;
    assert_eq!(key_of(&between.access_token), old);
    key(server.home(), &["activate", &added]);
    let server = Server::start_at(server.kill().await, &settings).await;
    let shop = server.caller("shop").await;
    let other = shop.log_in().await;
    assert_eq!(key_of(&other.access_token), added);
    let second = refresh(&shop, &first.refresh_token).await;
    let third = refresh(&shop, &second.refresh_token).await;
    let home = server.kill().await;

    // Only the file is gone, as after a removal that did not get to the store.
    let bytes = fs::read(file_of(&home, &old)).expect("the key");
    fs::remove_file(file_of(&home, &old)).expect("removed");
    let server = Server::start_at(home, &settings).await;
    assert!(server.log().contains("lacks a key"), "{}", server.log());
    let home = server.kill().await;
    let removal = remove_offline(&home, &old);
    let removal: Vec<_> = removal.iter().map(String::as_str).collect();
    let said = refused(&home, &removal);
    assert!(said.contains("the grant"), "the login between the kills names it: {said}");
    distribute(&file_of(&home, &old), &bytes);
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    shop.revoke(&between.refresh_token).await.expect("revoked");
    let home = server.kill().await;

    // Again only the file is gone; nothing needs the key any more.
    fs::remove_file(file_of(&home, &old)).expect("removed");
    key(&home, &removal);
    let said = refused(&home, &removal);
    assert!(said.contains("holds no key"), "nothing is left to do: {said}");
    // And the other way around: the store has forgotten the key, the file is still there.
    distribute(&file_of(&home, &old), &bytes);
    let server = Server::start_at(home, &settings).await;
    let home = server.kill().await;
    key(&home, &removal);
    assert!(!file_of(&home, &old).exists());

    let server = Server::start_at(home, &settings).await;
    assert!(!server.log().contains("lacks a key"), "{}", server.log());
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&third.access_token).await);
    assert!(shop.is_active(&other.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn the_ring_is_listed_without_a_key_being_shown() {
    let server = Server::start(&Settings::standard()).await;
    let home = server.stop().await;
    let added = add(&home);
    let listed = key(&home, &["list"]);
    assert_eq!(listed["others"][0], added.as_str());
    let secret = fs::read_to_string(file_of(&home, &added)).expect("the key");
    assert!(!listed.to_string().contains(secret.trim()));
}

/// Returns the fault of the key ring that administrators see.
async fn fault(server: &Server) -> String {
    let admin = Admin::of(server).await;
    let answer = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
    answer.expect("a status").into_inner().key_ring_fault
}

async fn usable(server: &Server, usable: u64) {
    let ops = server.ops().await;
    until("the metric to follow", async || {
        ops.metrics().await.count("jeton_key_ring_usable") == usable
    })
    .await;
    let (code, ready) = ops.get("/readyz").await;
    assert_eq!(
        (code, ready.contains("the key ring on disk is not what a start needs")),
        (200, usable == 0)
    );
}

#[tokio::test]
async fn a_key_that_is_missing_or_unreadable_shows_wherever_an_operator_looks_until_it_is_back() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let old = active(server.home());
    usable(&server, 1).await;
    assert_eq!(fault(&server).await, "");

    let path = file_of(server.home(), &old);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("chmod");
    usable(&server, 0).await;
    server.logs("the key ring on disk is refused").await;
    assert!(fault(&server).await.contains("must not be readable by group or others"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
    usable(&server, 1).await;
    assert_eq!(fault(&server).await, "");

    server.caller("shop").await.log_in().await;
    rotate(&server).await;
    let bytes = fs::read(&path).expect("the key");
    fs::remove_file(&path).expect("removed by mistake");
    usable(&server, 0).await;
    assert!(fault(&server).await.contains("put it back"));
    let server = Server::start_at(server.kill().await, &settings).await;
    usable(&server, 0).await;
    assert!(fault(&server).await.contains(&format!("records name: {old}")));
    server.logs("the key ring lacks keys that records name").await;
    distribute(&path, &bytes);
    usable(&server, 1).await;

    let keys = server.home().keys();
    fs::rename(&keys, server.home().path().join("aside")).expect("moved");
    usable(&server, 0).await;
    assert_eq!(fault(&server).await, "it is empty");
    server.caller("shop").await.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn a_ring_is_found_by_the_settings_file_and_none_is_made_unasked() {
    let home = Home::new();
    let config = home.path().join("settings.toml");
    let settings = "[keys]\npath = \"ring\"\n[[client]]\nid = \"orders\"\nsecret_env = \"UNSET\"\n";
    fs::write(&config, settings).expect("the settings");
    let ring = home.path().join("ring");
    for action in [&["add"][..], &["list"], &["activate", "01234567"]] {
        let said = fail(&home, &[&["key", "--config", text(&config)], action].concat());
        assert!(
            said.contains("ring: there is no key ring") || said.contains("holds no key"),
            "{said}"
        );
    }
    assert!(!ring.exists(), "nothing was made");
    let made = succeed(&home, &["key", "add", "--new", "--config", text(&config)]);
    assert_eq!(made["active"], true);
    let again = fail(&home, &["key", "add", "--new", "--config", text(&config)]);
    assert!(again.contains("there is a key ring already"), "{again}");
    let mut list = jeton(&home, &["key", "list", "--output", "json"]);
    let output = list.env("JETON_CONFIG", &config).output().expect("jeton runs");
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(listed["active"], made["key_id"]);
    let absent = fail(&home, &["key", "list", "--keys", "elsewhere", "--config", text(&config)]);
    assert!(absent.contains("elsewhere: there is no key ring"), "a flag beats the file: {absent}");
}

#[tokio::test]
async fn activate_returns_when_the_running_server_makes_tokens_with_the_key() {
    let server = Server::start(&with_admin()).await;
    let added = add(server.home());
    let (keys, url) = (server.home().keys(), format!("http://{}", server.address()));
    let asked = ["key", "activate", &added, "--keys", text(&keys), "--server", &url];
    let mut command =
        jeton(server.home(), &[&asked[..], &["--client-id", "root", "--output", "json"]].concat());
    command.env("JETON_CLIENT_SECRET", "root-secret");
    let output = spawn_blocking(move || command.output()).await.expect("it ended");
    let output = output.expect("jeton runs");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((said["active"].as_bool(), said["confirmed"].as_bool()), (Some(true), Some(true)));
    let token = server.caller("shop").await.log_in().await.access_token;
    assert_eq!(key_of(&token), added);
    server.stop().await;
}

#[tokio::test]
async fn activate_says_why_the_server_does_not_use_the_key_until_the_ring_is_in_order() {
    let server = Server::start(&with_admin()).await;
    server.caller("shop").await.log_in().await;
    let (old, added) = (active(server.home()), add(server.home()));
    let path = file_of(server.home(), &old);
    let bytes = fs::read(&path).expect("the key");
    let (keys, url) = (server.home().keys(), server.url());
    let activate = || {
        let asked = ["key", "activate", &added, "--keys", text(&keys), "--server", &url];
        let mut command = jeton(server.home(), &[&asked[..], &["--client-id", "root"]].concat());
        command.env("JETON_CLIENT_SECRET", "root-secret");
        spawn_blocking(move || command.output().expect("jeton runs"))
    };
    fs::remove_file(&path).expect("removed by mistake");
    let refused = activate().await.expect("it ended");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the key is active on disk, and the server does not use it"), "{said}");
    assert!(said.contains(&old), "with the server's reason: {said}");
    distribute(&path, &bytes);
    let activated = activate().await.expect("it ended");
    let said = String::from_utf8_lossy(&activated.stderr);
    assert_eq!(activated.status.code(), Some(0), "{said}");
    usable(&server, 1).await;
    server.stop().await;
}
