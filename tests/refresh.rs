//! A refresh token has one successor, for any callers, any number of calls and any crash; and a
//! copy of an old one ends the grant.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::{
    domain::token::Token,
    proto::v1::{InactiveReason, RefreshTokenResponse, TokenKind},
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{Code, Status};

use crate::common::{
    caller::{Caller, by_password},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::{rounds, until, within},
};

const CONNECTIONS: usize = 5;
const CALLS: usize = 50;

fn strict() -> Settings {
    Settings::standard().set("tokens", "retry_window", "0s")
}

fn pair(answer: RefreshTokenResponse) -> (String, String) {
    (answer.access_token, answer.refresh_token)
}

fn generation(token: &str) -> u32 {
    Token::parse(token).expect("a token").generation
}

#[track_caller]
fn assert_dead<T>(outcome: Result<T, Status>) -> Status {
    assert_refused(outcome, Code::Unauthenticated, "INVALID_GRANT")
}

/// All at once, over several connections.
async fn refresh_in_parallel(
    server: &Server,
    token: &str,
) -> Vec<Result<RefreshTokenResponse, Status>> {
    let mut calls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let shop = server.caller("shop").await;
        for _ in 0..CALLS / CONNECTIONS {
            let (shop, token) = (shop.clone(), token.to_owned());
            calls.spawn(async move { shop.refresh(&token).await });
        }
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_refreshes_make_one_new_generation_and_give_everybody_the_same_pair() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let answers = refresh_in_parallel(&server, &first.refresh_token).await;
    assert_eq!(answers.len(), CALLS);
    let mut pairs: Vec<_> =
        answers.into_iter().map(|answer| pair(answer.expect("a pair"))).collect();
    pairs.dedup();
    let [(access, refresh)] = &pairs[..] else { panic!("{} different pairs", pairs.len()) };
    assert_eq!((generation(access), generation(refresh)), (1, 1));
    assert!(shop.is_active(access).await);
    let next = shop.refresh(refresh).await.expect("the chain goes on");
    assert_eq!(generation(&next.refresh_token), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_retry_window_one_of_fifty_wins_and_the_others_end_the_grant() {
    let server = Server::start(&strict()).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    let answers = refresh_in_parallel(&server, &first.refresh_token).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, CALLS - 1));
    for refused in lost {
        assert_dead(refused);
    }
    let (access, refresh) = pair(won.into_iter().next().expect("the winner").expect("a pair"));
    assert_eq!(gateway.reason(&access).await, InactiveReason::Replayed);
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Replayed);
    assert_dead(shop.refresh(&refresh).await);
    server.stop().await;
}

/// Kills the server once `enough` of fifty parallel refreshes have been answered, while the others
/// are under way. Hands back its directory and the pairs of those that were given one.
async fn killed_amid_refreshes(
    server: Server,
    token: &str,
    enough: usize,
) -> (Home, Vec<(String, String)>) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut calls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let shop = server.caller("shop").await;
        for _ in 0..CALLS / CONNECTIONS {
            let (shop, token, tell) = (shop.clone(), token.to_owned(), tell.clone());
            calls.spawn(async move {
                let answer = shop.refresh(&token).await;
                // Nobody listens any more once the server was killed.
                let _gone = tell.send(());
                answer
            });
        }
    }
    for _ in 0..enough {
        within("an answer", told.recv()).await.expect("the calls go on");
    }
    let home = server.kill().await;
    let answers = within("the calls to end", calls.join_all()).await;
    (home, answers.into_iter().flatten().map(pair).collect())
}

/// Returns the number of answers that each kill waits for: none at first, then further and further
/// into the race.
fn kills() -> impl Iterator<Item = usize> {
    (0..rounds().div_ceil(5)).map(|round| round * 7 % CALLS)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_amid_fifty_refreshes_leaves_one_successor_which_a_retry_is_given() {
    let settings = Settings::standard();
    let mut home = Home::new();
    for enough in kills() {
        let server = Server::start_at(home, &settings).await;
        let first = server.caller("shop").await.log_in().await;
        let (left, given) = killed_amid_refreshes(server, &first.refresh_token, enough).await;
        assert!(given.len() >= enough, "an answer that was no pair, before the kill");

        let server = Server::start_at(left, &settings).await;
        let shop = server.caller("shop").await;
        let retry = pair(shop.refresh(&first.refresh_token).await.expect("a retry after a kill"));
        assert!(given.iter().all(|given| *given == retry), "killed after {enough}: two successors");
        assert_eq!((generation(&retry.0), generation(&retry.1)), (1, 1));
        assert!(shop.is_active(&retry.0).await);
        let next = shop.refresh(&retry.1).await.expect("the chain goes on");
        assert_eq!(generation(&next.refresh_token), 2);
        home = server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_amid_fifty_strict_refreshes_never_leaves_a_second_winner() {
    let settings = strict();
    let mut home = Home::new();
    for enough in kills() {
        let server = Server::start_at(home, &settings).await;
        let first = server.caller("shop").await.log_in().await;
        let (left, given) = killed_amid_refreshes(server, &first.refresh_token, enough).await;
        assert!(given.len() <= 1, "killed after {enough}: {} winners", given.len());

        let server = Server::start_at(left, &settings).await;
        let shop = server.caller("shop").await;
        let winner = given.first();
        match shop.refresh(&first.refresh_token).await {
            // Nothing had been written: this one is the first.
            Ok(only) => {
                assert!(winner.is_none(), "killed after {enough}: a second winner");
                shop.refresh(&only.refresh_token).await.expect("the chain goes on");
            }
            Err(status) => {
                assert_dead::<()>(Err(status));
                assert!(!shop.is_active(&first.access_token).await);
                if let Some((access, refresh)) = winner {
                    assert!(!shop.is_active(access).await);
                    assert_dead(shop.refresh(refresh).await);
                }
            }
        }
        home = server.stop().await;
    }
}

#[tokio::test]
async fn a_retry_gets_the_identical_pair_with_expires_in_counted_down() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let answer = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_eq!(answer.expires_in, 15 * 60);
    until("expires_in to count down", async || {
        let mut retry = shop.refresh(&first.refresh_token).await.expect("the pair again");
        let counted_down = retry.expires_in < answer.expires_in;
        retry.expires_in = answer.expires_in;
        assert!(retry == answer, "all but expires_in is the same");
        counted_down
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_retry_moves_no_feed_and_a_replay_moves_it() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let before = shop.cursor().await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.refresh(&first.refresh_token).await.expect("the pair again");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    assert_eq!(shop.cursor().await, before);
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert!(shop.cursor().await > before);
    assert_dead(shop.refresh(&third.refresh_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_retry_with_other_scopes_is_an_invalid_request_and_changes_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let narrow = shop.refresh_to(&first.refresh_token, &["read"]).await.expect("a pair");
    for scopes in [&[][..], &["write"], &["read", "write"]] {
        let refused = shop.refresh_to(&first.refresh_token, scopes).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let retry = shop.refresh_to(&first.refresh_token, &["read"]).await.expect("the pair again");
    assert_eq!(pair(retry), pair(narrow.clone()));
    shop.refresh(&narrow.refresh_token).await.expect("the chain goes on");
    server.stop().await;
}

#[tokio::test]
async fn the_retry_window_closes_with_time_and_then_a_retry_ends_the_grant() {
    let server = Server::start(&Settings::standard().set("tokens", "retry_window", "1s")).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.refresh(&first.refresh_token).await.expect("the pair again");
    until("the window to close", async || shop.refresh(&first.refresh_token).await.is_err()).await;
    assert_eq!(gateway.reason(&second.access_token).await, InactiveReason::Replayed);
    assert_dead(shop.refresh(&second.refresh_token).await);
    server.stop().await;
}

#[tokio::test]
async fn the_retry_window_closes_when_the_successor_is_used() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    assert_dead(shop.refresh(&first.refresh_token).await);
    for token in [&first.access_token, &second.access_token, &third.access_token] {
        assert!(!shop.is_active(token).await);
    }
    assert_dead(shop.refresh(&third.refresh_token).await);
    server.stop().await;
}

#[tokio::test]
async fn introspecting_the_successor_does_not_close_the_retry_window() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert!(shop.is_active(&second.access_token).await);
    assert!(shop.introspect_as(&second.refresh_token, TokenKind::Refresh).await.active);
    let retry = shop.refresh(&first.refresh_token).await.expect("the pair again");
    assert_eq!(pair(retry), pair(second));
    server.stop().await;
}

#[tokio::test]
async fn each_of_five_tokens_rotated_within_one_second_ends_its_grant_when_replayed() {
    let server = Server::start(&strict()).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    for replayed in 0..5 {
        let mut token = shop.log_in().await.refresh_token;
        let mut spent = Vec::new();
        let mut access = String::new();
        for _ in 0..5 {
            spent.push(token.clone());
            (access, token) = pair(shop.refresh(&token).await.expect("a pair"));
        }
        assert!(shop.is_active(&access).await);
        assert_dead(shop.refresh(&spent[replayed]).await);
        assert_eq!(gateway.reason(&access).await, InactiveReason::Replayed, "of {replayed}");
        assert_dead(shop.refresh(&token).await);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_replay_looks_like_any_other_bad_token_and_is_told_to_the_audit_log() {
    let server = Server::start(&strict()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    shop.refresh(&first.refresh_token).await.expect("a pair");
    let replayed = assert_dead(shop.refresh(&first.refresh_token).await);
    for garbage in ["garbage", "jrt_", first.access_token.as_str()] {
        let refused = assert_dead(shop.refresh(garbage).await);
        assert_eq!(refused.message(), replayed.message());
        assert_eq!(refused.details(), replayed.details());
    }
    server.terminate();
    let (_home, log) = server.ended().await;
    let audited = |line: &&str| line.contains("jeton::audit") && line.contains("replayed");
    let line = log.lines().find(audited).expect("a line about the replay");
    assert!(line.contains(&first.grant_id), "{line}");
}

#[tokio::test]
async fn a_refresh_by_the_wrong_client_is_refused_and_consumes_nothing() {
    let server = Server::start(&strict()).await;
    for (owner, stranger) in [("shop", "rival"), ("shop", "app"), ("app", "kiosk")] {
        let owner = server.caller(owner).await;
        let stranger = server.caller(stranger).await;
        let first = owner.log_in().await;
        assert_dead(stranger.refresh(&first.refresh_token).await);
        let second = owner.refresh(&first.refresh_token).await.expect("it was not consumed");
        assert_dead(stranger.refresh(&first.refresh_token).await);
        owner.refresh(&second.refresh_token).await.expect("a stranger's replay ends nothing");
    }
    server.stop().await;
}

#[tokio::test]
async fn narrowing_is_for_one_access_token_and_the_chain_keeps_what_was_granted() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.issue(by_password("alice")).await.expect("a grant");
    assert_eq!(first.scopes, ["read", "write"]);
    let narrow = shop.refresh_to(&first.refresh_token, &["write"]).await.expect("a pair");
    assert_eq!(narrow.scopes, ["write"]);
    assert_eq!(shop.introspect(&narrow.access_token).await.scopes, ["write"]);
    let refresh = shop.introspect_as(&narrow.refresh_token, TokenKind::Refresh).await;
    assert_eq!(refresh.scopes, ["read", "write"]);
    let wide = shop.refresh(&narrow.refresh_token).await.expect("a pair");
    assert_eq!(wide.scopes, ["read", "write"]);
    assert_eq!(shop.introspect(&wide.access_token).await.scopes, ["read", "write"]);
    server.stop().await;
}

#[tokio::test]
async fn scopes_beyond_the_grant_are_refused_and_consume_nothing() {
    let server = Server::start(&strict()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    // The client may have it, this grant does not.
    for scopes in [&["audit"][..], &["read", "audit"], &["unheard-of"]] {
        let refused = shop.refresh_to(&first.refresh_token, scopes).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_SCOPE");
    }
    shop.refresh(&first.refresh_token).await.expect("it was not consumed");
    server.stop().await;
}

#[tokio::test]
async fn an_access_token_is_no_refresh_token_and_stays_good_when_it_is_tried_as_one() {
    let server = Server::start(&strict()).await;
    let shop: Caller = server.caller("shop").await;
    let first = shop.log_in().await;
    assert_dead(shop.refresh(&first.access_token).await);
    assert_dead(shop.refresh(&first.access_token.replace("jat_", "jrt_")).await);
    assert!(shop.is_active(&first.access_token).await);
    shop.refresh(&first.refresh_token).await.expect("it was not consumed");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_is_not_registered_to_refresh_is_told_so() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let settings = settings.declare("shop", "grants", r#"["password"]"#);
    let server = Server::start_at(server.stop().await, &settings).await;
    let shop = server.caller("shop").await;
    let refused = shop.refresh(&first.refresh_token).await;
    assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    assert!(shop.log_in().await.refresh_token.is_empty());
    server.stop().await;
}
