//! One name and one password, however they are typed; and earlier users keep theirs.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::sync::Arc;

use jeton::{
    app::SystemEntropy,
    domain::{
        hash_cost::HashCost,
        secret::Secret,
        user::User,
        user_name::{TypedName, UserName},
    },
    proto::v1::{
        CreateUserRequest, IssueTokenRequest, ListUsersRequest, PasswordGrant,
        RotateClientSecretRequest, User as UserMessage, issue_token_request::Grant,
    },
    service::HashPool,
    store::{
        Records as _, Store as _, Write,
        sled::{SledOptions, SledStore},
    },
};
use tonic::Code;

use crate::common::{
    admin::{Admin, PASSWORD, with_admin},
    caller::{Caller, client_credentials},
    command::{run, succeed, text},
    home::Home,
    refusal::assert_refused,
    server::Server,
    wait::until,
};

fn log_in_as(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

#[tokio::test]
async fn one_name_in_every_script_width_and_case_is_one_user() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    for (created, typed) in [
        ("αλέξης", "ΑΛΈΞΗΣ"),
        ("ＴＡＮＡＫＡ", "tanaka"),
        ("田中\u{3000}太郎", "田中 太郎"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
    ] {
        let user = admin.create_user(created).await.expect("a user");
        for name in [created, typed] {
            assert_eq!(admin.user(name).await.expect("the user"), user, "{name}");
            shop.issue(log_in_as(name, PASSWORD)).await.expect("a grant");
            let again = admin.create_user(name).await;
            assert_refused(again, Code::AlreadyExists, "ALREADY_EXISTS");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_seen_is_refused_and_a_login_with_it_is_like_any_other() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    for name in
        ["ali\u{200b}ce", "\u{202e}alice", "alice\u{2028}", "alice\n", "\u{301}alice", "a\u{2066}b"]
    {
        let refused = admin.create_user(name).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("user.username:"), "{}", status.message());
        assert_refused(admin.user(name).await, Code::NotFound, "NOT_FOUND");
        let refused = shop.issue(log_in_as(name, "alice-password")).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
    server.stop().await;
}

/// Gives users the names that version 0.1 would have given them.
async fn rename(home: &Home, names: &[(&str, &str)]) {
    let store = SledStore::open(&SledOptions::new(home.data(), 1 << 20), &SystemEntropy);
    let store = store.expect("the store");
    for (now, typed_then) in names {
        let name = UserName::parse(now).expect("a name");
        let user = store.user_by_name(&name).await.expect("a read").expect("the user");
        let typed = TypedName::new(typed_then);
        let name = typed.readings().next().expect("a name").clone();
        let renamed = User { name, ..(*user).clone() };
        let write = Write::Replace(user.version(), renamed);
        store.users().write(write).await.expect("renamed");
    }
    store.close().await.expect("it closes in order");
}

#[tokio::test]
async fn names_of_version_0_1_are_reached_as_before_and_those_that_are_one_today_are_listed() {
    let settings = with_admin().without("alice").without("bob");
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    for name in ["first", "second", "third", "tanaka"] {
        admin.create_user(name).await.expect("a user");
    }
    let home = server.stop().await;
    rename(&home, &[("first", "ＴＡＮＡＫＡ"), ("second", "ΑΛΈΞΗΣ"), ("third", "☃")]).await;

    let data = home.data();
    let check = ["check", "--store", text(&data)];
    assert_eq!(succeed(&home, &check)["names_joined"], 1);
    let said = String::from_utf8(run(&home, &check).stderr).expect("UTF-8");
    assert!(
        said.contains("users: \"tanaka\" (usr_") && said.contains("\"ｔａｎａｋａ\" ("),
        "{said}"
    );

    let server = Server::start_at(home, &settings).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    for (typed, stored) in [
        ("ｔａｎａｋａ", "ｔａｎａｋａ"),
        ("ＴＡＮＡＫＡ", "ｔａｎａｋａ"),
        ("Tanaka", "tanaka"),
        ("ΑΛΈΞΗΣ", "αλέξησ"),
        ("αλέξησ", "αλέξησ"),
        ("☃", "☃"),
    ] {
        assert_eq!(admin.user(typed).await.expect("the user").username, stored, "{typed}");
        let grant = shop.issue(log_in_as(typed, PASSWORD)).await.expect("a grant");
        assert_eq!(shop.introspect(&grant.access_token).await.username, stored, "{typed}");
    }
    // A name that reaches somebody is taken; one that nobody may be given any more is refused.
    for taken in ["ＴＡＮＡＫＡ", "ΑΛΈΞΗΣ"] {
        let refused = admin.create_user(taken).await;
        assert_refused(refused, Code::AlreadyExists, "ALREADY_EXISTS");
    }
    assert_refused(admin.create_user("☃").await, Code::InvalidArgument, "INVALID_REQUEST");
    let username_prefix = "ＴＡＮ".to_owned();
    let request = ListUsersRequest { username_prefix, ..Default::default() };
    let listed = admin.stub.clone().list_users(admin.signed(request)).await.expect("a page");
    let mut listed: Vec<_> =
        listed.into_inner().users.into_iter().map(|user| user.username).collect();
    listed.sort_unstable();
    assert_eq!(listed, ["tanaka", "ｔａｎａｋａ"]);
    server.stop().await;
}

#[tokio::test]
async fn a_user_of_version_0_1_who_is_declared_stays_one_user() {
    let settings = with_admin().without("bob");
    let home = Server::start(&settings).await.stop().await;
    rename(&home, &[("alice", "ＡＬＩＣＥ")]).await;
    let settings = settings.declare("alice", "name", "\"ＡＬＩＣＥ\"");
    let server = Server::start_at(home, &settings).await;
    let admin = Admin::of(&server).await;
    let request = admin.signed(ListUsersRequest::default());
    let users = admin.stub.clone().list_users(request).await.expect("a page").into_inner().users;
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].username, "ａｌｉｃｅ");
    server.stop().await;
}

/// An argon2id hash of that very text, as another service would have made it.
async fn hash_of(text: &str) -> String {
    let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
    let pool = HashPool::start(1, cost, Arc::new(SystemEntropy)).expect("a pool");
    pool.hash(Secret::new(text)).await.expect("a hash").into()
}

#[tokio::test]
async fn an_imported_hash_of_a_decomposed_password_is_good_and_composed_at_the_first_login() {
    let (composed, decomposed) =
        ("zürich blüht im märz", "zu\u{308}rich blu\u{308}ht im ma\u{308}rz");
    let hash = format!("{:?}", hash_of(decomposed).await);
    let settings =
        with_admin().undeclare("alice", "password").declare("alice", "password_hash", &hash);
    let server = Server::start(&settings).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let refused = shop.issue(log_in_as("alice", composed)).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    let imported = admin.user("alice").await.expect("the user").etag;
    let grant = shop.issue(log_in_as("alice", decomposed)).await.expect("as it was typed");
    until("the new hash", async || admin.user("alice").await.expect("the user").etag != imported)
        .await;
    for typed in [composed, decomposed] {
        shop.issue(log_in_as("alice", typed)).await.expect("one password");
    }
    assert!(shop.is_active(&grant.access_token).await);
    // The declaration is the same as before, so it is not applied again.
    let server = Server::start_at(server.stop().await, &settings).await;
    server.caller("shop").await.issue(log_in_as("alice", composed)).await.expect("one password");
    server.stop().await;
}

#[tokio::test]
async fn a_password_with_what_nobody_sees_is_refused_when_it_is_set() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    for password in
        ["correct horse\u{200b} battery", "correct horse\n battery", "correct\tbattery horse"]
    {
        let user = Some(UserMessage { username: "new".to_owned(), ..Default::default() });
        let request = CreateUserRequest { user, password: password.to_owned() };
        let refused = admin.stub.clone().create_user(admin.signed(request)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("password: must not hold"), "{}", status.message());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_chosen_client_secret_is_one_secret_on_every_keyboard_and_one_of_before_stays_good() {
    let (composed, decomposed) =
        ("zürich-blüht-im-märz", "zu\u{308}rich-blu\u{308}ht-im-ma\u{308}rz");
    let hash = format!("{:?}", hash_of(decomposed).await);
    let settings = with_admin().undeclare("shop", "secret").declare("shop", "secret_hash", &hash);
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let shop = server.caller("shop").await;
    let typed = |secret: &str| Caller { secret: secret.to_owned(), ..shop.clone() };
    let refused = typed(composed).issue(client_credentials()).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    let before = admin.client("shop").await.etag;
    typed(decomposed).issue(client_credentials()).await.expect("as it was typed");
    until("the new hash", async || admin.client("shop").await.etag != before).await;
    typed(composed).issue(client_credentials()).await.expect("one secret");

    let rotate = async |secret: &str| {
        let (client_id, client_secret) = ("rival".to_owned(), secret.to_owned());
        let request = RotateClientSecretRequest { client_id, client_secret, ..Default::default() };
        admin.rotate(request).await
    };
    rotate(decomposed).await.expect("rotated");
    let rival = server.caller("rival").await;
    for secret in [composed, decomposed] {
        let rival = Caller { secret: secret.to_owned(), ..rival.clone() };
        rival.issue(client_credentials()).await.expect("one secret");
    }
    for refused in ["a line\nand another", "un\u{200b}seen by anybody", "a\ttab in the middle"] {
        assert_refused(rotate(refused).await, Code::InvalidArgument, "INVALID_REQUEST");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_line_break_in_a_password_or_a_secret_is_refused_by_name() {
    let server = Server::start(&with_admin()).await;
    let shop = server.caller("shop").await;
    let refused = shop.issue(log_in_as("alice", "alice-password\n")).await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(status.message(), "password: must not hold line breaks");
    let copied = Caller { secret: "shop-secret\n".to_owned(), ..shop.clone() };
    let refused = copied.issue(client_credentials()).await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(status.message(), "client_secret: must not hold line breaks");
    server.stop().await;
}

#[tokio::test]
async fn an_empty_variable_does_not_silence_the_log() {
    let empty = [("JETON_LOG", "")];
    let server = Server::start_with(Home::new(), &with_admin(), &empty).await;
    server.logs("serving").await;
    server.stop().await;
}
