//! Administering users: who they are, what a password or a switch ends, and how they are found.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::collections::HashMap;

use jeton::proto::v1::{
    CreateUserRequest, DeleteUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest,
    InactiveReason, IssueTokenRequest, ListUsersRequest, PasswordGrant, SetUserPasswordRequest,
    UpdateUserRequest, User, get_user_request::Name, issue_token_request::Grant,
};
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, PASSWORD, mask, with_admin},
    caller::by_password,
    refusal::assert_refused,
    server::Server,
};

const OTHER_PASSWORD: &str = "wq4zt9mbvk2xjd7-other";

fn log_in_as(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

async fn update(admin: &Admin, user: User, fields: &[&str]) -> Result<User, Status> {
    let request = UpdateUserRequest { user: Some(user), update_mask: Some(mask(fields)) };
    let answer = admin.stub.clone().update_user(admin.signed(request)).await?;
    Ok(answer.into_inner().user.expect("the user"))
}

async fn set_password(admin: &Admin, user_id: &str, password: &str, keep: bool) -> Option<Status> {
    let request = SetUserPasswordRequest {
        user_id: user_id.to_owned(),
        password: password.to_owned(),
        keep_grants: keep,
    };
    admin.stub.clone().set_user_password(admin.signed(request)).await.err()
}

#[tokio::test]
async fn a_created_user_logs_in_however_the_name_is_typed() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let attributes = HashMap::from([("email".to_owned(), "zoe@example.com".to_owned())]);
    let user = User { username: " Zoë".to_owned(), attributes, ..Default::default() };
    let request = CreateUserRequest { user: Some(user), password: PASSWORD.to_owned() };
    let answer = admin.stub.clone().create_user(admin.signed(request)).await;
    let created = answer.expect("a user").into_inner().user.expect("the user");
    assert_eq!(created.username, "zoë");
    assert!(created.user_id.starts_with("usr_") && !created.disabled);
    assert_eq!(admin.user("ZOE\u{308}").await.expect("the user"), created);
    let by_id = GetUserRequest { name: Some(Name::UserId(created.user_id.clone())) };
    let found = admin.stub.clone().get_user(admin.signed(by_id)).await.expect("the user");
    assert_eq!(found.into_inner().user.expect("the user"), created);

    let grant = shop.issue(log_in_as("ZOË ", PASSWORD)).await.expect("a grant");
    let answer = shop.introspect(&grant.access_token).await;
    assert_eq!((answer.subject, answer.username), (created.user_id, "zoë".to_owned()));
    assert_eq!(answer.attributes["email"], "zoe@example.com");
    let again = admin.create_user("ZOË").await;
    assert_refused(again, Code::AlreadyExists, "ALREADY_EXISTS");
    server.stop().await;
}

#[tokio::test]
async fn a_password_that_others_would_try_is_refused_and_not_repeated() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let alice = admin.user_id("alice").await;
    for password in ["", "short-one", "passwordpassword", &"x".repeat(1025)] {
        let refused = set_password(&admin, &alice, password, false).await.expect("refused");
        let status = assert_refused::<()>(Err(refused), Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("password:"), "{}", status.message());
        assert!(password.is_empty() || !status.message().contains(password));
        let user = Some(User { username: "new".to_owned(), ..Default::default() });
        let request = CreateUserRequest { user, password: password.to_owned() };
        let refused = admin.stub.clone().create_user(admin.signed(request)).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let refused = admin.user("new").await;
    assert_refused(refused, Code::NotFound, "NOT_FOUND");
    server.caller("shop").await.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_every_grant_unless_told_otherwise() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let alice = admin.user_id("alice").await;
    let (grant, of_bob) = (shop.log_in().await, shop.issue(by_password("bob")).await.expect("one"));
    assert!(set_password(&admin, &alice, PASSWORD, true).await.is_none());
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let grant = shop.refresh(&grant.refresh_token).await.expect("the grant lives on");
    let later = shop.issue(log_in_as("alice", PASSWORD)).await.expect("the new password");

    assert!(set_password(&admin, &alice, OTHER_PASSWORD, false).await.is_none());
    for token in [&grant.access_token, &later.access_token] {
        let gateway = server.caller("gateway").await;
        assert_eq!(gateway.reason(token).await, InactiveReason::SubjectEnded);
    }
    let refused = shop.refresh(&grant.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    shop.issue(log_in_as("alice", OTHER_PASSWORD)).await.expect("the newest password");
    assert!(shop.is_active(&of_bob.access_token).await);

    let nobody = set_password(&admin, "usr_0000000000000000000000", PASSWORD, false).await;
    assert_refused::<()>(Err(nobody.expect("nobody")), Code::NotFound, "NOT_FOUND");
    let server = Server::start_at(server.stop().await, &with_admin()).await;
    let shop = server.caller("shop").await;
    shop.issue(log_in_as("alice", OTHER_PASSWORD)).await.expect("what is declared is older");
    server.stop().await;
}

#[tokio::test]
async fn a_renamed_user_is_the_same_user_and_a_taken_name_is_refused() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let before = admin.user("alice").await.expect("alice");
    let grant = shop.log_in().await;
    let wanted = User { username: "Alicia".into(), ..before.clone() };
    let after = update(&admin, wanted, &["username"]).await.expect("renamed");
    assert_eq!((&*after.username, &after.user_id), ("alicia", &before.user_id));
    assert_eq!(after.attributes, before.attributes);
    assert_eq!(shop.introspect(&grant.access_token).await.username, "alicia");
    let gone = admin.user("alice").await;
    assert_refused(gone, Code::NotFound, "NOT_FOUND");
    shop.issue(log_in_as("alicia", "alice-password")).await.expect("the password stays");

    let stale = update(&admin, User { username: "other".into(), ..before }, &["username"]).await;
    assert_refused(stale, Code::Aborted, "CONFLICT");
    let taken = User { username: "BOB".into(), ..after.clone() };
    let refused = update(&admin, taken, &["username"]).await;
    assert_refused(refused, Code::AlreadyExists, "ALREADY_EXISTS");
    for fields in [&["user_id"][..], &["disabled"], &["etag"], &[]] {
        let refused = update(&admin, after.clone(), fields).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let cleared = User { attributes: HashMap::new(), etag: String::new(), ..after.clone() };
    let cleared = update(&admin, cleared, &["attributes"]).await.expect("changed");
    assert!(cleared.attributes.is_empty() && cleared.username == after.username);
    server.stop().await;
}

#[tokio::test]
async fn switches_may_be_pressed_twice_and_a_deleted_user_is_gone() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let user_id = admin.user_id("alice").await;
    let grant = shop.log_in().await;
    let mut stub = admin.stub.clone();
    let mut etags = Vec::new();
    for _ in 0..2 {
        let request = DisableUserRequest { user_id: user_id.clone() };
        let answer = stub.disable_user(admin.signed(request)).await.expect("disabled");
        let user = answer.into_inner().user.expect("the user");
        assert!(user.disabled);
        etags.push(user.etag);
    }
    assert_eq!(etags[0], etags[1], "nothing was written the second time");
    for _ in 0..2 {
        let request = EnableUserRequest { user_id: user_id.clone() };
        let answer = stub.enable_user(admin.signed(request)).await.expect("enabled");
        assert!(!answer.into_inner().user.expect("the user").disabled);
    }
    assert!(!shop.is_active(&grant.access_token).await, "what had ended stays ended");
    let grant = shop.log_in().await;
    let request = DeleteUserRequest { user_id: user_id.clone() };
    stub.delete_user(admin.signed(request.clone())).await.expect("deleted");
    let again = stub.delete_user(admin.signed(request)).await;
    assert_refused(again, Code::NotFound, "NOT_FOUND");
    assert!(!shop.is_active(&grant.access_token).await);
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let anew = admin.create_user("alice").await.expect("the name is free");
    assert_ne!(anew.user_id, user_id);
    assert!(!shop.is_active(&grant.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn users_are_listed_by_pages_and_filters() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    for number in 0..5 {
        admin.create_user(&format!("Temp-{number}")).await.expect("a user");
    }
    let disabled = admin.user_id("temp-3").await;
    let request = DisableUserRequest { user_id: disabled };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");
    let list = async |mut request: ListUsersRequest| {
        let mut names = Vec::new();
        loop {
            let page = admin.stub.clone().list_users(admin.signed(request.clone())).await;
            let page = page.expect("a page").into_inner();
            assert!(request.page_size == 0 || page.users.len() <= 2);
            names.extend(page.users.into_iter().map(|user| user.username));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                names.sort();
                return names;
            }
        }
    };
    let all = ListUsersRequest::default();
    let everybody = ["alice", "bob", "temp-0", "temp-1", "temp-2", "temp-3", "temp-4"];
    assert_eq!(list(all.clone()).await, everybody);
    assert_eq!(list(ListUsersRequest { page_size: 2, ..all.clone() }).await, everybody);
    let temps = ListUsersRequest { username_prefix: "TEMP".into(), page_size: 2, ..all.clone() };
    assert_eq!(list(temps).await, everybody[2..]);
    assert_eq!(list(ListUsersRequest { disabled_only: true, ..all }).await, ["temp-3"]);
    server.stop().await;
}
