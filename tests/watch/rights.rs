//! Events of each caller: as far as introspection reaches, and not a name more.

use jeton::proto::v1::{
    Client, IntrospectReach, IssueTokenRequest, RevokeGrantsRequest, RevokeTokenRequest,
};

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::client_credentials,
        server::Server,
        settings::{Settings, Table},
    },
    watcher::{Watcher, ended, names},
};

/// `billing` gets the events of tokens meant for it, `shop` of its own, `gateway` all.
fn settings() -> Settings {
    let mailer = Table::confidential("mailer").toml("audience", r#"["post", "jeton"]"#);
    with_admin().and(mailer).and(Table::user("carol"))
}

#[tokio::test]
async fn a_grant_is_told_to_whoever_may_introspect_its_tokens() {
    let server = Server::start(&settings()).await;
    let (shop, mailer) = (server.caller("shop").await, server.caller("mailer").await);
    let (rival, billing) = (server.caller("rival").await, server.caller("billing").await);
    let gateway = server.caller("gateway").await;
    let callers = [&shop, &rival, &billing, &gateway, &mailer];
    let mut watches = Vec::new();
    for caller in callers {
        watches.push(Watcher::of(caller).await);
    }
    let mut grants = Vec::new();
    for (caller, revoker) in [(&shop, &shop), (&mailer, &mailer), (&rival, &rival)] {
        let issued = caller.issue(client_credentials()).await.expect("a token");
        let request = RevokeTokenRequest::default();
        revoker.revoke_as(&issued.access_token, request).await.expect("revoked");
        grants.push(issued.grant_id);
    }
    let [of_shop, of_mailer, of_rival] = &grants[..] else { panic!("three grants") };
    let expected = [
        [of_shop].into_iter().cloned().collect(),
        [of_rival].into_iter().cloned().collect(),
        [of_shop, of_rival].into_iter().cloned().collect(),
        [of_shop, of_mailer, of_rival].into_iter().cloned().collect(),
        [of_mailer].into_iter().cloned().collect(),
    ];
    for ((caller, watch), expected) in callers.iter().zip(&mut watches).zip(&expected) {
        let told = watch.up_to_now(caller).await;
        assert_eq!(ended(told), *expected, "{}: {:?}", caller.id, names(told));
        assert_eq!(told.len(), expected.len(), "{}: {:?}", caller.id, names(told));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_user_is_told_to_whoever_has_a_grant_of_theirs_in_reach() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let (billing, gateway) = (server.caller("billing").await, server.caller("gateway").await);
    let mailer = server.caller("mailer").await;
    let alice = admin.user_id("alice").await;
    let carol = admin.user_id("carol").await;
    // Alice has been at the shop, whose tokens are meant for billing; carol has been nowhere.
    let grant = shop.log_in().await;
    let callers = [&shop, &rival, &billing, &gateway, &mailer];
    let mut watches = Vec::new();
    for caller in callers {
        watches.push(Watcher::of(caller).await);
    }
    for user in [&alice, &carol] {
        let of_user = RevokeGrantsRequest { subject: user.clone(), ..Default::default() };
        admin.revoke_grants(of_user).await.expect("ended");
    }
    assert!(!gateway.is_active(&grant.access_token).await);
    let (of_alice, of_carol) = (format!("user-epoch {alice}"), format!("user-epoch {carol}"));
    let expected =
        [vec![of_alice.clone()], vec![], vec![of_alice.clone()], vec![of_alice, of_carol], vec![]];
    for ((caller, watch), expected) in callers.iter().zip(&mut watches).zip(&expected) {
        assert_eq!(names(watch.up_to_now(caller).await), *expected, "{}", caller.id);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_is_told_to_whoever_it_gives_tokens_for_also_if_it_no_longer_does() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    let (shop, billing) = (server.caller("shop").await, server.caller("billing").await);
    let rival = server.caller("rival").await;
    let held = shop.log_in().await;
    assert!(billing.is_active(&held.access_token).await);
    let mut at_billing = Watcher::of(&billing).await;
    let mut at_rival = Watcher::of(&rival).await;

    let audience = vec!["post".to_owned()];
    let narrowed = Client { client_id: "shop".to_owned(), audience, ..Default::default() };
    admin.update_client(narrowed, &["audience"]).await.expect("changed");
    admin.set_disabled("mailer", true).await;
    admin.set_disabled("shop", true).await;
    assert!(!billing.is_active(&held.access_token).await);
    // Billing holds a token of the shop's, though the shop can get no more of them. The mailer's
    // were never meant for it.
    let told = names(at_billing.up_to_now(&billing).await);
    assert_eq!(told, ["client shop", "client-epoch shop"]);
    assert_eq!(names(at_rival.up_to_now(&rival).await), [""; 0]);
    server.stop().await;
}

#[tokio::test]
async fn a_caller_whose_reach_changes_is_told_to_forget_everything_and_then_hears_as_far() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let mut watch = Watcher::of(&rival).await;
    let reach = async |reach: IntrospectReach| {
        let client = Client {
            client_id: "rival".to_owned(),
            introspect: reach.into(),
            ..Default::default()
        };
        admin.update_client(client, &["introspect"]).await.expect("changed");
    };
    let revoked = async || {
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        format!("grant {}", issued.grant_id)
    };
    revoked().await;
    // It is judged by the rights at the time of delivery, which may be later than the event.
    assert!(watch.up_to_now(&rival).await.is_empty());
    reach(IntrospectReach::Any).await;
    let seen = revoked().await;
    reach(IntrospectReach::Own).await;
    revoked().await;
    let told = names(watch.up_to_now(&rival).await);
    let everything = || "everything".to_owned();
    let rival_changed = || "client rival".to_owned();
    let expected = [rival_changed(), everything(), seen, rival_changed(), everything()];
    assert_eq!(told, expected);
    server.stop().await;
}

#[tokio::test]
async fn tokens_that_a_repeated_request_replaces_are_told_to_those_whom_they_were_meant_for() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    let (shop, billing) = (server.caller("shop").await, server.caller("billing").await);
    let repeatable =
        IssueTokenRequest { request_id: "lost-answer".to_owned(), ..client_credentials() };
    let lost = shop.issue(repeatable.clone()).await.expect("a token");
    let audience = vec!["post".to_owned()];
    let moved = Client { client_id: "shop".to_owned(), audience, ..Default::default() };
    admin.update_client(moved, &["audience"]).await.expect("changed");
    // Billing has heard of the client's change, and asks again.
    let mut at_billing = Watcher::of(&billing).await;
    assert!(billing.is_active(&lost.access_token).await);

    let again = shop.issue(repeatable).await.expect("another token");
    assert_eq!(again.grant_id, lost.grant_id);
    assert!(!billing.is_active(&lost.access_token).await);
    let told = names(at_billing.up_to_now(&billing).await);
    assert_eq!(told, [format!("access {}", lost.grant_id)]);
    server.stop().await;
}

/// More grants than are looked at for one event.
const MANY: usize = 1_025;

#[tokio::test]
async fn of_a_client_with_too_many_grants_no_name_is_told_but_everything_forgotten() {
    let server = Server::start(&settings()).await;
    let admin = Admin::of(&server).await;
    let (mailer, billing) = (server.caller("mailer").await, server.caller("billing").await);
    let gateway = server.caller("gateway").await;
    for _ in 0..MANY {
        mailer.issue(client_credentials()).await.expect("a token");
    }
    let mut at_billing = Watcher::of(&billing).await;
    let mut at_gateway = Watcher::of(&gateway).await;
    admin.set_disabled("mailer", true).await;
    assert_eq!(names(at_billing.up_to_now(&billing).await), ["everything"]);
    assert_eq!(names(at_gateway.up_to_now(&gateway).await), ["client-epoch mailer"]);
    server.stop().await;
}
