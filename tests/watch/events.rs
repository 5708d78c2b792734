//! Events of a watch: every kind of event, in order, soon, and that nothing happens when nothing
//! does.

use jeton::proto::v1::{
    DisableUserRequest, EnableUserRequest, RevokeGrantsRequest, revocation::Event,
};

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::client_credentials,
        server::Server,
        settings::Settings,
    },
    watcher::{Watcher, ended, names, snapshot},
};

#[tokio::test]
async fn a_watch_starts_at_the_end_of_the_feed_and_is_at_a_checkpoint_at_once() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let before = shop.log_in().await;
    shop.revoke(&before.access_token).await.expect("revoked");
    let now = gateway.cursor().await;
    let mut watcher = Watcher::of(&gateway).await;
    assert_eq!(watcher.cursor, now);
    let next = shop.log_in().await;
    shop.revoke(&next.access_token).await.expect("revoked");
    assert_eq!(ended(watcher.up_to_now(&gateway).await), [next.grant_id].into());
    server.stop().await;
}

#[tokio::test]
async fn while_nothing_happens_checkpoints_keep_coming_with_the_same_cursor() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let mut watcher = Watcher::of(&gateway).await;
    let start = watcher.cursor.clone();
    for _ in 0..4 {
        let next = watcher.next().await.expect("a heartbeat");
        assert!(next.checkpoint && next.revocations.is_empty(), "{next:?}");
        assert_eq!(next.cursor, start);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_revoked_on_one_connection_is_told_on_another_before_the_barrier() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let mut watcher = Watcher::of(&gateway).await;
    for _ in 0..100 {
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        assert!(ended(watcher.up_to_now(&gateway).await).contains(&issued.grant_id));
    }
    assert_eq!(watcher.told.len(), 100);
    server.stop().await;
}

#[tokio::test]
async fn every_kind_of_event_is_told_as_what_it_is_and_in_order() {
    let server = Server::start(&with_admin()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let admin = Admin::of(&server).await;
    let alice = admin.user_id("alice").await;
    let one = shop.log_in().await;
    let other = shop.log_in().await;
    let mut watcher = Watcher::of(&gateway).await;

    shop.revoke_access_only(&one.access_token).await.expect("revoked");
    shop.revoke(&one.refresh_token).await.expect("revoked");
    let of_alice = RevokeGrantsRequest { subject: alice.clone(), ..Default::default() };
    admin.revoke_grants(of_alice).await.expect("ended");
    let of_rival = RevokeGrantsRequest { client_id: "rival".to_owned(), ..Default::default() };
    admin.revoke_grants(of_rival).await.expect("ended");
    admin.set_disabled("rival", true).await;
    admin.set_disabled("rival", false).await;
    let disable = DisableUserRequest { user_id: alice.clone() };
    admin.stub.clone().disable_user(admin.signed(disable)).await.expect("disabled");
    let enable = EnableUserRequest { user_id: alice.clone() };
    admin.stub.clone().enable_user(admin.signed(enable)).await.expect("enabled");
    let told = watcher.up_to_now(&gateway).await;
    println!("{:#?}", names(told));
    let expected = [
        format!("access {}", one.grant_id),
        format!("grant {}", one.grant_id),
        format!("user-epoch {alice}"),
        "client-epoch rival".to_owned(),
        "client-epoch rival".to_owned(),
        "client rival".to_owned(),
        format!("user-epoch {alice}"),
        format!("user {alice}"),
    ];
    assert_eq!(names(told), expected);
    let refused = told.iter().map(|revocation| match &revocation.event {
        Some(Event::ClientEpochMoved(client)) => client.refused,
        Some(Event::ClientChanged(client)) => client.refused,
        Some(Event::SubjectEpochMoved(user)) => user.refused,
        Some(Event::UserChanged(user)) => user.refused,
        Some(Event::GrantEnded(_) | Event::AccessTokenRevoked(_)) | None => false,
    });
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused, [false, false, false, false, true, false, true, false]);
    assert!(!gateway.is_active(&other.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_snapshot_holds_what_happened_before_it_was_asked_for() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let mut before = Vec::new();
    for _ in 0..600 {
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        before.push(issued.grant_id);
    }
    let mut watcher = Watcher::start(&gateway, snapshot()).await.expect("a watch");
    let mut checkpoint = false;
    while !checkpoint {
        checkpoint = watcher.next().await.expect("a response").checkpoint;
    }
    assert_eq!(ended(&watcher.told), before.into_iter().collect());
    server.stop().await;
}
