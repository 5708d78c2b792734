//! A client is issued what it asks for if it may have it, its defaults if it asks for nothing, and
//! the same grant again when it repeats a request.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{IssueTokenRequest, PasswordGrant, issue_token_request::Grant};
use prost_types::Duration;
use tonic::{Code, Status};

use crate::common::{
    caller::{Caller, by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
};

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().copied().map(str::to_owned).collect()
}

fn with_scopes(scopes: &[&str]) -> IssueTokenRequest {
    IssueTokenRequest { scopes: texts(scopes), ..by_password("alice") }
}

fn with_audience(audience: &[&str]) -> IssueTokenRequest {
    IssueTokenRequest { audience: texts(audience), ..by_password("alice") }
}

fn with_ttl(seconds: i64) -> IssueTokenRequest {
    IssueTokenRequest { ttl: Some(Duration { seconds, nanos: 0 }), ..by_password("alice") }
}

fn repeatable() -> IssueTokenRequest {
    IssueTokenRequest { request_id: "once-only".to_owned(), ..by_password("alice") }
}

fn log_in_as(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..IssueTokenRequest::default() }
}

#[track_caller]
fn assert_invalid<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::InvalidArgument, "INVALID_REQUEST");
}

#[tokio::test]
async fn a_password_gets_a_pair_with_its_times_scopes_and_grant() {
    let server = Server::start(&Settings::standard()).await;
    for client in ["shop", "app"] {
        let client = server.caller(client).await;
        let issued = client.log_in().await;
        assert_eq!(issued.token_type, "Bearer");
        assert_eq!(issued.expires_in, 15 * 60);
        assert!(issued.access_token.starts_with("jat_") && issued.access_token.len() <= 100);
        assert!(issued.refresh_token.starts_with("jrt_") && issued.refresh_token.len() <= 100);
        let (access, refresh) = (issued.expire_time, issued.refresh_expire_time);
        let seconds = |time: Option<prost_types::Timestamp>| time.expect("a time").seconds;
        assert_eq!(seconds(refresh) - seconds(access), 30 * 24 * 60 * 60 - 15 * 60);
        assert_eq!(issued.scopes, ["read", "write"]);
        assert_eq!(issued.grant_id.len(), 36);
    }
    server.stop().await;
}

#[tokio::test]
async fn client_credentials_get_an_access_token_and_no_refresh_token() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    assert!(shop.is_active(&issued.access_token).await);
    assert_eq!((issued.refresh_token.as_str(), issued.refresh_expire_time), ("", None));
    server.stop().await;
}

#[tokio::test]
async fn a_public_client_never_gets_client_credentials_not_even_after_losing_its_secret() {
    let server = Server::start(&Settings::standard()).await;
    let refused = server.caller("app").await.issue(client_credentials()).await;
    assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    let home = server.stop().await;
    // They stay what they were, as they are not declared any more.
    let settings = Settings::standard().undeclare("shop", "secret").undeclare("shop", "grants");
    let settings = settings.undeclare("shop", "audience");
    let server = Server::start_at(home, &settings).await;
    let shop = Caller { secret: String::new(), ..server.caller("shop").await };
    assert!(!shop.log_in().await.access_token.is_empty());
    let refused = shop.issue(client_credentials()).await;
    assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    let refused = shop.issue(with_audience(&["jeton"])).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_TARGET");
    server.stop().await;
}

#[tokio::test]
async fn a_grant_type_that_the_client_is_not_registered_for_is_refused_before_the_password() {
    let robot = Table::confidential("robot").toml("grants", r#"["client_credentials"]"#);
    let server = Server::start(&Settings::standard().and(robot)).await;
    let robot = server.caller("robot").await;
    for request in [by_password("alice"), log_in_as("alice", "wrong"), log_in_as("nobody", "")] {
        let refused = robot.issue(request).await;
        assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    }
    robot.issue(client_credentials()).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("alice", "bob-password"),
        ("nobody", "alice-password"),
        (" ", "alice-password"),
        ("ali\u{0}ce", "alice-password"),
    ] {
        let refused = shop.issue(log_in_as(name, password)).await;
        let status = assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn case_spaces_and_normalisation_form_of_a_user_name_make_no_difference() {
    let settings = Settings::standard().and(Table::user("zoé"));
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    for name in ["zoé", "ZOÉ", "  zoé ", "zoe\u{301}"] {
        for password in ["zoé-password", "zoe\u{301}-password"] {
            let issued = shop.issue(log_in_as(name, password)).await.expect("a grant");
            assert_eq!(shop.introspect(&issued.access_token).await.username, "zoé");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn scopes_are_the_defaults_or_what_is_asked_and_allowed_in_the_order_asked() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for (asked, granted) in [
        (&[][..], &["read", "write"][..]),
        (&["write"], &["write"]),
        (&["audit", "read"], &["audit", "read"]),
        (&["write", "read", "write"], &["write", "read"]),
    ] {
        let issued = shop.issue(with_scopes(asked)).await.expect("a grant");
        assert_eq!(issued.scopes, granted);
        assert_eq!(shop.introspect(&issued.access_token).await.scopes, granted);
    }
    for asked in [&["admin"][..], &["read", "admin"], &["READ"], &["re ad"], &[""], &["\u{e9}"]] {
        let refused = shop.issue(with_scopes(asked)).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_SCOPE");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_audience_is_the_clients_or_what_is_asked_within_it() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for (asked, granted) in [
        (&[][..], &["billing"][..]),
        (&["billing"], &["billing"]),
        (&["jeton", "billing", "jeton"], &["jeton", "billing"]),
    ] {
        let issued = shop.issue(with_audience(asked)).await.expect("a grant");
        assert_eq!(shop.introspect(&issued.access_token).await.audience, granted);
    }
    for asked in [&["payroll"][..], &["billing", "payroll"], &["bill ing"], &[""]] {
        let refused = shop.issue(with_audience(asked)).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_TARGET");
    }
    server.stop().await;
}

#[tokio::test]
async fn ttl_shortens_the_first_access_token_and_nothing_else() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let short = shop.issue(with_ttl(10)).await.expect("a grant");
    assert_eq!(short.expires_in, 10);
    let next = shop.refresh(&short.refresh_token).await.expect("a pair");
    assert_eq!(next.expires_in, 15 * 60);
    for seconds in [1_000_000, i64::MAX] {
        let long = shop.issue(with_ttl(seconds)).await.expect("a grant");
        assert_eq!(long.expires_in, 15 * 60);
    }
    for seconds in [0, -1, i64::MIN] {
        assert_invalid(shop.issue(with_ttl(seconds)).await);
    }
    // Clients would read what is left of it as "never expires".
    for nanos in [1, 500_000_000, 999_999_999] {
        let ttl = Some(Duration { seconds: 0, nanos });
        assert_invalid(shop.issue(IssueTokenRequest { ttl, ..by_password("alice") }).await);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_gets_a_new_pair_of_the_same_grant_and_the_old_pair_ends() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let lost = shop.issue(repeatable()).await.expect("a grant");
    let before = shop.cursor().await;
    let got = shop.issue(repeatable()).await.expect("the same grant");
    assert_eq!(got.grant_id, lost.grant_id);
    assert_ne!(got.access_token, lost.access_token);
    assert!(shop.cursor().await > before, "watchers hear of the old access token's end");
    assert!(!shop.is_active(&lost.access_token).await);
    let refused = shop.refresh(&lost.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert!(shop.is_active(&got.access_token).await);
    shop.refresh(&got.refresh_token).await.expect("the lost pair has ended nothing");
    server.stop().await;
}

#[tokio::test]
async fn a_repeat_verifies_the_credentials_again() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.issue(repeatable()).await.expect("a grant");
    let request = log_in_as("alice", "wrong");
    let request = IssueTokenRequest { request_id: "once-only".to_owned(), ..request };
    let refused = shop.issue(request).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert!(shop.is_active(&first.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn another_request_under_the_same_id_is_refused_and_ends_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.issue(repeatable()).await.expect("a grant");
    let request_id = repeatable().request_id;
    for other in [with_scopes(&["read"]), with_audience(&["billing"]), with_ttl(10)] {
        let other = IssueTokenRequest { request_id: request_id.clone(), ..other };
        assert_invalid(shop.issue(other).await);
    }
    assert!(shop.is_active(&first.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn an_id_counts_per_client_and_per_subject() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let request_id = repeatable().request_id;
    let again = |request| IssueTokenRequest { request_id: request_id.clone(), ..request };
    let mut grants = Vec::new();
    for (caller, request) in [
        (&shop, by_password("alice")),
        (&shop, by_password("bob")),
        (&shop, client_credentials()),
        (&rival, by_password("alice")),
        (&rival, client_credentials()),
    ] {
        grants.push(caller.issue(again(request)).await.expect("a grant").grant_id);
    }
    grants.sort();
    grants.dedup();
    assert_eq!(grants.len(), 5);
    server.stop().await;
}

#[tokio::test]
async fn after_a_refresh_or_a_revocation_a_repeat_is_refused_and_revives_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.issue(repeatable()).await.expect("a grant");
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_invalid(shop.issue(repeatable()).await);
    assert!(shop.is_active(&second.access_token).await);
    shop.revoke(&second.access_token).await.expect("revoked");
    assert_invalid(shop.issue(repeatable()).await);
    assert!(!shop.is_active(&second.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn an_id_that_is_too_long_or_not_plain_is_refused() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for id in ["x".repeat(129), "with space".to_owned(), "\u{e9}".to_owned()] {
        assert_invalid(shop.issue(IssueTokenRequest { request_id: id, ..repeatable() }).await);
    }
    let longest = IssueTokenRequest { request_id: "x".repeat(128), ..repeatable() };
    shop.issue(longest).await.expect("a grant");
    server.stop().await;
}
