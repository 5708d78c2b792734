//! `jeton check` distinguishes a store in order from one that is not, and names the files that it
//! checked.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::fs;

use crate::common::{
    command::{fail, jeton, run, succeed, text},
    home::Home,
    server::Server,
    settings::Settings,
};

#[tokio::test]
async fn a_store_is_good_after_a_stop_and_after_kill_9_and_is_counted() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    for _ in 0..10 {
        shop.log_in().await;
    }
    let data = server.home().data();
    let said = fail(server.home(), &["check", "--store", text(&data)]);
    assert!(said.contains("in use by another process"), "{said}");
    for stop in [true, false] {
        let home = if stop {
            Server::start(&settings).await.stop().await
        } else {
            let server = Server::start(&settings).await;
            let shop = server.caller("shop").await;
            let first = shop.log_in().await;
            shop.log_in().await;
            shop.revoke(&first.refresh_token).await.expect("revoked");
            server.kill().await
        };
        let (data, keys) = (home.data(), home.keys());
        let check = ["check", "--store", text(&data), "--keys", text(&keys)];
        let said = succeed(&home, &check);
        assert_eq!((&said["clients"], &said["users"]), (&6.into(), &2.into()));
        assert_eq!(said["grants"], if stop { 0 } else { 2 });
        assert_eq!((&said["faults"], &said["repaired"]), (&0.into(), &0.into()));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_a_grant_names_and_the_ring_lacks_is_a_fault() {
    let server = Server::start(&Settings::standard()).await;
    server.caller("shop").await.log_in().await;
    let home = server.stop().await;
    let (data, other) = (home.data(), home.path().join("other-keys"));
    succeed(&home, &["key", "add", "--new", "--keys", text(&other)]);
    let said = fail(&home, &["check", "--store", text(&data), "--keys", text(&other), "--repair"]);
    assert!(said.contains("not in the key ring") && said.contains("the store is faulty"), "{said}");
}

#[test]
fn there_must_be_a_store_and_none_is_made() {
    let home = Home::new();
    let data = home.data();
    let said = fail(&home, &["check", "--store", text(&data)]);
    assert!(said.contains("there is no store"), "{said}");
    assert!(!data.exists());
}

#[tokio::test]
async fn what_is_checked_is_what_is_named() {
    let home = Server::start(&Settings::standard()).await.stop().await;
    let (data, settings) = (home.data(), home.path().join("jeton.toml"));
    let good = |arguments: &[&str]| {
        let output = run(&home, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(good(&["check", "--config", text(&settings)]).contains("good (6 clients, 2 users)"));
    let both = good(&["check", "--config", text(&settings), "--store", text(&data)]);
    assert!(both.contains("good (6 clients") && both.contains("faults"));
    let nothing = run(&home, &["check"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("name what to check"));

    let faulty = home.path().join("faulty.toml");
    fs::write(&faulty, "[nonsense]\n").expect("a file");
    let with_variable = |arguments: &[&str]| {
        let mut command = jeton(&home, arguments);
        command.env("JETON_CONFIG", &faulty).output().expect("jeton runs").status.code()
    };
    assert_eq!(with_variable(&["check"]), Some(1), "the variable's file is checked");
    let store = ["check", "--store", text(&data)];
    assert_eq!(with_variable(&store), Some(0), "the variable does not add what was not asked");
}
