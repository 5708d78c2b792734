//! Grants are found and ended without anyone having a token of theirs: one, or all of a user, of a
//! client, or of both.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::collections::BTreeSet;

use jeton::proto::v1::{
    GetGrantRequest, Grant, InactiveReason, IssueTokenResponse, ListGrantsRequest,
    RevokeGrantRequest, RevokeGrantsRequest, RevokeGrantsResponse,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
};

async fn get(admin: &Admin, grant_id: &str) -> Result<Grant, Status> {
    let request = GetGrantRequest { grant_id: grant_id.to_owned() };
    let answer = admin.stub.clone().get_grant(admin.signed(request)).await?;
    Ok(answer.into_inner().grant.expect("the grant"))
}

async fn revoke(admin: &Admin, grant_id: &str) -> Result<(), Status> {
    let request = RevokeGrantRequest { grant_id: grant_id.to_owned() };
    admin.stub.clone().revoke_grant(admin.signed(request)).await.map(drop)
}

/// Every page of a list of grants.
async fn pages(admin: &Admin, mut request: ListGrantsRequest) -> Vec<Vec<Grant>> {
    let mut pages = Vec::new();
    loop {
        let answer = admin.stub.clone().list_grants(admin.signed(request.clone())).await;
        let answer = answer.expect("a page").into_inner();
        pages.push(answer.grants);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return pages;
        }
    }
}

async fn list(admin: &Admin, request: ListGrantsRequest) -> Vec<String> {
    let pages = pages(admin, request).await.concat();
    pages.into_iter().map(|grant| grant.grant_id).collect()
}

/// Some grants of one user: as many at once as find room at the threads that hash.
async fn logins(caller: &Caller, username: &'static str, count: usize) -> Vec<IssueTokenResponse> {
    const AT_ONCE: usize = 8;
    let mut grants = Vec::new();
    while grants.len() < count {
        let mut logins = JoinSet::new();
        for _ in 0..AT_ONCE.min(count - grants.len()) {
            let caller = caller.clone();
            logins.spawn(async move { caller.issue(by_password(username)).await });
        }
        grants.extend(logins.join_all().await.into_iter().map(|grant| grant.expect("a grant")));
    }
    grants
}

fn ids(grants: &[IssueTokenResponse]) -> BTreeSet<String> {
    grants.iter().map(|grant| grant.grant_id.clone()).collect()
}

async fn active(caller: &Caller, grants: &[IssueTokenResponse]) -> usize {
    let tokens: Vec<&str> = grants.iter().map(|grant| grant.access_token.as_str()).collect();
    let results = caller.introspect_all(&tokens).await.expect("results");
    results.iter().filter(|result| result.active).count()
}

#[tokio::test]
async fn a_grant_is_shown_without_its_tokens_and_ended_by_its_id() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let alice = admin.user_id("alice").await;
    let issued = shop.log_in().await;
    let first = get(&admin, &issued.grant_id).await.expect("the grant");
    assert_eq!((&*first.client_id, &first.subject), ("shop", &alice));
    assert_eq!((&first.scopes, &first.audience), (&issued.scopes, &vec!["billing".to_owned()]));
    assert!(first.active && first.end_time.is_none() && first.generation == 0);
    assert_eq!(first.peer, "127.0.0.1");
    assert!(first.user_agent.contains("tonic"), "{}", first.user_agent);
    assert_eq!(first.refresh_time, first.issue_time);

    let next = shop.refresh(&issued.refresh_token).await.expect("a pair");
    let second = get(&admin, &issued.grant_id).await.expect("the grant");
    assert_eq!(second.generation, 1);
    for _ in 0..2 {
        revoke(&admin, &issued.grant_id).await.expect("ended, or ended before");
    }
    let ended = get(&admin, &issued.grant_id).await.expect("the grant");
    assert!(!ended.active && ended.end_time.is_some());
    assert_eq!(ended.inactive_reason(), InactiveReason::Revoked);
    assert!(!shop.is_active(&next.access_token).await);
    let refused = shop.refresh(&next.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");

    let own = shop.issue(client_credentials()).await.expect("a token");
    assert_eq!(get(&admin, &own.grant_id).await.expect("the grant").subject, "shop");
    for id in ["x", "00000000-0000-0000-0000-000000000000", &issued.access_token] {
        assert_refused(get(&admin, id).await, Code::NotFound, "NOT_FOUND");
        assert_refused(revoke(&admin, id).await, Code::NotFound, "NOT_FOUND");
    }
    assert_refused(revoke(&admin, "").await, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn grants_are_listed_by_subject_by_client_and_by_both() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let (alice, bob) = (admin.user_id("alice").await, admin.user_id("bob").await);
    let alice_shop = ids(&logins(&shop, "alice", 5).await);
    let alice_rival = ids(&logins(&rival, "alice", 2).await);
    let bob_shop = ids(&logins(&shop, "bob", 3).await);
    let own = ids(&[shop.issue(client_credentials()).await.expect("a token")]);
    let of = |subject: &str, client_id: &str| ListGrantsRequest {
        subject: subject.to_owned(),
        client_id: client_id.to_owned(),
        page_size: 2,
        ..Default::default()
    };
    let all = |sets: &[&BTreeSet<String>]| {
        sets.iter().flat_map(|set| set.iter().cloned()).collect::<BTreeSet<String>>()
    };
    for (request, expected) in [
        (of(&alice, ""), all(&[&alice_shop, &alice_rival])),
        (of(&alice, "shop"), alice_shop.clone()),
        (of(&alice, "rival"), alice_rival.clone()),
        (of(&bob, "rival"), BTreeSet::new()),
        (of("", "shop"), all(&[&alice_shop, &bob_shop, &own])),
        (of("shop", ""), own.clone()),
        (of("shop", "shop"), own.clone()),
        (of("shop", "rival"), BTreeSet::new()),
        (of("", "nobody"), BTreeSet::new()),
    ] {
        let found = list(&admin, request.clone()).await;
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected, "{request:?}");
        assert_eq!(found.len(), expected.len(), "each once");
        assert!(found.is_sorted(), "the oldest first");
        assert!(pages(&admin, request).await.iter().all(|page| page.len() <= 2));
    }

    let ended = alice_shop.first().expect("a grant");
    revoke(&admin, ended).await.expect("ended");
    let only_active = ListGrantsRequest { active_only: true, ..of(&alice, "shop") };
    assert_eq!(list(&admin, only_active).await.len(), 4);
    assert_eq!(list(&admin, of(&alice, "shop")).await.len(), 5);
    for request in [of("", ""), of("usr_x", ""), of("a b", ""), of("", "a b")] {
        let refused = admin.stub.clone().list_grants(admin.signed(request)).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    server.stop().await;
}

fn of(subject: &str, client_id: &str) -> RevokeGrantsRequest {
    let (subject, client_id) = (subject.to_owned(), client_id.to_owned());
    RevokeGrantsRequest { subject, client_id, dry_run: false }
}

const fn counted(count: u64) -> RevokeGrantsResponse {
    RevokeGrantsResponse { count, at_least: false }
}

/// A dry run says what the real one then says, and ends nothing.
async fn count_and_end(admin: &Admin, request: RevokeGrantsRequest) -> RevokeGrantsResponse {
    let dry = RevokeGrantsRequest { dry_run: true, ..request.clone() };
    let foreseen = admin.revoke_grants(dry.clone()).await.expect("counted");
    assert_eq!(admin.revoke_grants(dry.clone()).await.expect("counted"), foreseen);
    let ended = admin.revoke_grants(request).await.expect("ended");
    assert_eq!(ended, foreseen);
    assert_eq!(admin.revoke_grants(dry).await.expect("counted"), counted(0));
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_client_end_together_more_than_a_page_and_later_ones_are_good() {
    let settings = with_admin().declare("shop", "max_grants", "1000");
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let mut grants = logins(&shop, "alice", 300).await;
    grants.extend(logins(&shop, "bob", 300).await);
    grants.push(shop.issue(client_credentials()).await.expect("a token"));
    let others = logins(&rival, "alice", 5).await;
    shop.revoke(&grants[0].access_token).await.expect("revoked");
    assert_eq!(count_and_end(&admin, of("", "shop")).await, counted(600));
    assert_eq!(active(&shop, &grants).await, 0);
    shop.refresh(&grants[1].refresh_token).await.expect_err("dead");
    assert_eq!(active(&rival, &others).await, 5);
    let later = logins(&shop, "alice", 1).await;
    assert_eq!(active(&shop, &later).await, 1);
    assert_eq!(count_and_end(&admin, of("", "nobody")).await, counted(0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_user_with_a_client_end_and_no_others_more_than_a_page() {
    let settings = with_admin().declare("shop", "max_grants", "1000");
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let alice = admin.user_id("alice").await;
    let meant = logins(&shop, "alice", 300).await;
    let of_bob = logins(&shop, "bob", 3).await;
    let at_rival = logins(&rival, "alice", 3).await;
    let own = vec![shop.issue(client_credentials()).await.expect("a token")];
    assert_eq!(count_and_end(&admin, of(&alice, "shop")).await, counted(300));
    assert_eq!(active(&shop, &meant).await, 0);
    assert_eq!(active(&shop, &of_bob).await, 3, "of the client, and not the user's");
    assert_eq!(active(&rival, &at_rival).await, 3, "the user's, and not of the client");
    assert_eq!(active(&shop, &own).await, 1);
    shop.refresh(&meant[0].refresh_token).await.expect_err("dead");
    shop.refresh(&of_bob[0].refresh_token).await.expect("alive");

    assert_eq!(count_and_end(&admin, of(&alice, "")).await, counted(3));
    assert_eq!(active(&rival, &at_rival).await, 0);
    assert_eq!(logins(&rival, "alice", 1).await.len(), 1, "a later login passes");
    server.stop().await;
}

#[tokio::test]
async fn what_a_client_asked_for_itself_ends_without_its_users_grants() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let users = logins(&shop, "alice", 2).await;
    for request in [of("shop", ""), of("shop", "shop")] {
        let own = [(); 3].map(|()| shop.issue(client_credentials()));
        let mut tokens = Vec::new();
        for own in own {
            tokens.push(own.await.expect("a token"));
        }
        assert_eq!(count_and_end(&admin, of("shop", "rival")).await, counted(0));
        assert_eq!(count_and_end(&admin, request).await, counted(3));
        assert_eq!((active(&shop, &tokens).await, active(&shop, &users).await), (0, 2));
    }
    for request in [of("", ""), of("usr_x", ""), of("", "a b")] {
        let refused = admin.revoke_grants(request).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    server.stop().await;
}
