//! Lockouts are shown to administrators and lifted by them: by command, and by every change that
//! resets the account.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{
    ClearLockoutRequest, DeleteUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest,
    IssueTokenRequest, ListLockoutsRequest, Lockout, PasswordGrant, SetUserPasswordRequest,
    UpdateUserRequest, User, get_user_request::Name, issue_token_request::Grant,
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, PASSWORD, mask, with_admin},
    caller::{Caller, by_password},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::Table,
};

fn attempt(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

async fn fail(caller: &Caller, username: &str, times: usize) {
    for _ in 0..times {
        let refused = caller.issue(attempt(username, "a wrong guess")).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
}

#[track_caller]
fn assert_locked<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::ResourceExhausted, "RATE_LIMITED");
}

async fn list(admin: &Admin, request: ListLockoutsRequest) -> Vec<Lockout> {
    let answer = admin.stub.clone().list_lockouts(admin.signed(request)).await;
    answer.expect("a page").into_inner().lockouts
}

async fn clear(admin: &Admin, request: ClearLockoutRequest) -> Result<u64, Status> {
    let answer = admin.stub.clone().clear_lockout(admin.signed(request)).await?;
    Ok(answer.into_inner().count)
}

#[tokio::test]
async fn lockouts_are_listed_with_client_user_failures_and_time() {
    let server = Server::start(&with_admin()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let admin = Admin::of(&server).await;
    assert_eq!(list(&admin, ListLockoutsRequest::default()).await, []);
    fail(&shop, "alice", 5).await;
    fail(&rival, "alice", 2).await;
    fail(&shop, "typed where a name goes", 5).await;
    let alice = admin.user_id("alice").await;

    let mut locked = list(&admin, ListLockoutsRequest::default()).await;
    locked.sort_by_key(|lockout| lockout.subject.clone());
    let [nobody, of_alice] = &locked[..] else { panic!("{locked:?}") };
    assert_eq!((nobody.client_id.as_str(), nobody.failures), ("shop", 5));
    assert_eq!((nobody.subject.as_str(), nobody.username.as_str()), ("", ""));
    assert!(!format!("{nobody:?}").contains("typed"), "{nobody:?}");
    assert_eq!((of_alice.client_id.as_str(), of_alice.failures), ("shop", 5));
    assert_eq!((&of_alice.subject, of_alice.username.as_str()), (&alice, "alice"));
    let seconds = |time: &Option<prost_types::Timestamp>| time.map(|time| time.seconds);
    assert!(seconds(&of_alice.retry_time) > seconds(&of_alice.last_failure_time), "{of_alice:?}");

    let all = ListLockoutsRequest { all: true, ..Default::default() };
    assert_eq!(list(&admin, all.clone()).await.len(), 3);
    let at_rival = ListLockoutsRequest { client_id: "rival".to_owned(), ..all.clone() };
    let [failing] = &list(&admin, at_rival).await[..] else { panic!("one at rival") };
    assert_eq!((failing.failures, failing.retry_time), (2, None));
    let hers = ListLockoutsRequest { subject: alice, ..all };
    let hers = list(&admin, hers).await;
    assert_eq!(hers.iter().map(|lockout| lockout.failures).sum::<u32>(), 7);

    let name = Some(Name::Username("alice".to_owned()));
    let shown = admin.stub.clone().get_user(admin.signed(GetUserRequest { name })).await;
    assert_eq!(shown.expect("alice").into_inner().lockouts, hers);
    server.stop().await;
}

#[tokio::test]
async fn a_lockout_is_lifted_by_its_id_by_user_and_by_user_at_a_client() {
    let server = Server::start(&with_admin()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let admin = Admin::of(&server).await;
    let subject = admin.user_id("alice").await;
    for caller in [&shop, &rival] {
        fail(caller, "alice", 5).await;
    }
    let request = ClearLockoutRequest { subject: subject.clone(), ..Default::default() };
    let at_rival = ClearLockoutRequest { client_id: "rival".to_owned(), ..request.clone() };
    assert_eq!(clear(&admin, at_rival).await.expect("cleared"), 1);
    rival.issue(by_password("alice")).await.expect("a token");
    assert_locked(shop.issue(by_password("alice")).await);

    assert_eq!(clear(&admin, request.clone()).await.expect("cleared"), 1);
    shop.issue(by_password("alice")).await.expect("a token");
    assert_eq!(clear(&admin, request.clone()).await.expect("nothing left"), 0);

    fail(&shop, "nobody", 5).await;
    let [nobody] = &list(&admin, ListLockoutsRequest::default()).await[..] else {
        panic!("one lockout")
    };
    let by_id = ClearLockoutRequest { lockout_id: nobody.lockout_id.clone(), ..Default::default() };
    assert_eq!(clear(&admin, by_id.clone()).await.expect("cleared"), 1);
    fail(&shop, "nobody", 1).await;

    let garbled = ClearLockoutRequest { lockout_id: "nonsense".to_owned(), ..Default::default() };
    assert_refused(clear(&admin, garbled).await, Code::NotFound, "NOT_FOUND");
    let both = ClearLockoutRequest { subject, ..by_id };
    assert_refused(clear(&admin, both).await, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn a_password_that_an_administrator_sets_lifts_the_lockout() {
    let server = Server::start(&with_admin()).await;
    let (shop, admin) = (server.caller("shop").await, Admin::of(&server).await);
    fail(&shop, "alice", 5).await;
    let user_id = admin.user_id("alice").await;
    let password = PASSWORD.to_owned();
    let request = SetUserPasswordRequest { user_id, password, keep_grants: false };
    admin.stub.clone().set_user_password(admin.signed(request)).await.expect("set");
    shop.issue(attempt("alice", PASSWORD)).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn enabling_a_user_lifts_the_lockout() {
    let server = Server::start(&with_admin()).await;
    let (shop, admin) = (server.caller("shop").await, Admin::of(&server).await);
    let user_id = admin.user_id("alice").await;
    let request = DisableUserRequest { user_id: user_id.clone() };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");
    fail(&shop, "alice", 5).await;
    assert_locked(shop.issue(by_password("alice")).await);
    let request = EnableUserRequest { user_id };
    admin.stub.clone().enable_user(admin.signed(request)).await.expect("enabled");
    shop.issue(by_password("alice")).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn a_new_account_of_a_name_and_one_that_is_renamed_to_it_are_not_locked_out() {
    let server = Server::start(&with_admin()).await;
    let (shop, admin) = (server.caller("shop").await, Admin::of(&server).await);
    fail(&shop, "carol", 5).await;
    let carol = admin.create_user("Carol").await.expect("carol");
    shop.issue(attempt("carol", PASSWORD)).await.expect("a token");

    fail(&shop, "carol", 5).await;
    let request = DeleteUserRequest { user_id: carol.user_id };
    admin.stub.clone().delete_user(admin.signed(request)).await.expect("deleted");
    let bob = User {
        user_id: admin.user_id("bob").await,
        username: "carol".to_owned(),
        ..Default::default()
    };
    let request = UpdateUserRequest { user: Some(bob), update_mask: Some(mask(&["username"])) };
    admin.stub.clone().update_user(admin.signed(request)).await.expect("renamed");
    shop.issue(attempt("carol", "bob-password")).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn a_declared_password_that_changes_lifts_the_lockout_and_a_restart_does_not() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    fail(&server.caller("shop").await, "alice", 5).await;
    let server = Server::start_at(server.stop().await, &settings).await;
    assert_locked(server.caller("shop").await.issue(by_password("alice")).await);
    let settings = settings.declare("alice", "password", &format!("{PASSWORD:?}"));
    let server = Server::start_at(server.stop().await, &settings).await;
    let shop = server.caller("shop").await;
    shop.issue(attempt("alice", PASSWORD)).await.expect("a token");
    fail(&shop, "dave", 5).await;
    let settings = settings.and(Table::user("dave"));
    let server = Server::start_at(server.stop().await, &settings).await;
    server.caller("shop").await.issue(by_password("dave")).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn the_audit_says_who_was_locked_out_and_who_lifted_it() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = with_admin().set("audit", "target", &format!("file:{}", path.display()));
    let server = Server::start_at(home, &settings).await;
    let (shop, admin) = (server.caller("shop").await, Admin::of(&server).await);
    let subject = admin.user_id("alice").await;
    fail(&shop, "alice", 5).await;
    assert_locked(shop.issue(by_password("alice")).await);
    let request = ClearLockoutRequest { subject: subject.clone(), ..Default::default() };
    clear(&admin, request).await.expect("cleared");
    let _home = server.stop().await;
    let text = std::fs::read_to_string(&path).expect("the audit");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let refused = lines.iter().find(|line| line["reason"] == "RATE_LIMITED").expect("a line");
    assert_eq!((&refused["client_id"], &refused["event"]), (&"shop".into(), &"issue".into()));
    assert_eq!(refused["subject"], subject.as_str(), "{refused}");
    let lifted = lines.iter().find(|line| line["action"] == "clear lockout").expect("a line");
    assert_eq!(lifted["client_id"], "root", "{lifted}");
    assert_eq!(lifted["record"], subject.as_str(), "{lifted}");
}
