//! Retries of calls, their times, and the errors that callers get.

use std::time::Duration;

use jeton::{
    client::{Error, Limits},
    proto::v1::{
        BatchIntrospectRequest, IntrospectRequest, IssueTokenRequest, RefreshTokenRequest,
        RevokeTokenRequest,
    },
};
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::fake::{Fake, refusal};

fn unavailable() -> Status {
    refusal(Code::Unavailable, "TEMPORARILY_UNAVAILABLE")
}

/// A server that fails the next calls.
fn failing(faults: usize, fault: Status) -> Fake {
    let fake = Fake::start();
    fake.change(|world| (world.fault, world.faults) = (Some(fault), Some(faults)));
    fake
}

fn pushing_back(milliseconds: &str) -> Status {
    let mut status = unavailable();
    let value = milliseconds.parse().expect("a header");
    status.metadata_mut().insert("grpc-retry-pushback-ms", value);
    status
}

#[tokio::test(start_paused = true)]
async fn what_is_idempotent_is_sent_again_until_it_is_answered() {
    let fake = failing(3, unavailable());
    let client = fake.client();
    client.introspect(IntrospectRequest::default()).await.expect("answered");
    assert_eq!(fake.world().calls("Introspect"), 4);
    fake.change(|world| world.faults = Some(1));
    client.batch_introspect(BatchIntrospectRequest::default()).await.expect("answered");
    fake.change(|world| world.faults = Some(1));
    client.revoke_token(RevokeTokenRequest::default()).await.expect("answered");
    fake.change(|world| world.faults = Some(1));
    client.refresh_token(RefreshTokenRequest::default()).await.expect("answered");
    for rpc in ["BatchIntrospect", "RevokeToken", "RefreshToken"] {
        assert_eq!(fake.world().calls(rpc), 2, "{rpc}");
    }
}

#[tokio::test(start_paused = true)]
async fn issuing_is_sent_again_only_with_a_request_id_and_then_with_the_same() {
    let fake = failing(1, unavailable());
    let client = fake.client();
    let failed = client.issue_token(IssueTokenRequest::default()).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    fake.change(|world| world.faults = Some(1));
    let request = IssueTokenRequest { request_id: "one".to_owned(), ..Default::default() };
    client.issue_token(request).await.expect("issued");
    assert_eq!(fake.world().request_ids, ["", "one", "one"]);
}

#[tokio::test(start_paused = true)]
async fn the_pause_is_the_one_that_the_server_asks_for() {
    let fake = failing(1, pushing_back("1234"));
    let began = Instant::now();
    fake.client().introspect(IntrospectRequest::default()).await.expect("answered");
    let paused = began.elapsed();
    let asked = Duration::from_millis(1234);
    assert!(paused >= asked && paused < asked + Duration::from_millis(50), "{paused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_longer_than_the_deadline_is_told_at_once() {
    let fake = failing(9, pushing_back("20000"));
    let began = Instant::now();
    let failed = fake.client().introspect(IntrospectRequest::default()).await;
    let error = failed.expect_err("unavailable");
    assert_eq!(error.wait(), Some(Duration::from_secs(20)), "{error:?}");
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert_eq!(fake.world().calls("Introspect"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_no_second_attempt_gets_none() {
    for pushback in ["-1", "never"] {
        let fake = failing(9, pushing_back(pushback));
        fake.client().introspect(IntrospectRequest::default()).await.expect_err("failed");
        assert_eq!(fake.world().calls("Introspect"), 1, "{pushback}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_not_sent_again() {
    let fake = failing(9, refusal(Code::InvalidArgument, "INVALID_REQUEST"));
    let failed = fake.client().introspect(IntrospectRequest::default()).await;
    assert!(matches!(failed, Err(Error::Request(_))), "{failed:?}");
    assert_eq!(fake.world().calls("Introspect"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_all_attempts_together() {
    let fake = Fake::start();
    fake.change(|world| world.hold = true);
    let deadline = Duration::from_secs(3);
    let client = fake.client().limits(Limits { deadline, ..Limits::default() });
    let began = Instant::now();
    let failed = client.introspect(IntrospectRequest::default()).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    assert!(began.elapsed() < deadline + Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn retries_stop_when_most_calls_fail() {
    let fake = failing(usize::MAX, unavailable());
    let client = fake.client();
    let calls = 200;
    let call = || client.introspect(IntrospectRequest::default());
    futures_util::future::join_all((0..calls).map(|_| call())).await;
    let retries = fake.world().calls("Introspect") - calls;
    // 5 a second for 10 s, and a fifth of the calls.
    assert!((1..=50 + calls / 5).contains(&retries), "{retries}");
}

#[tokio::test(start_paused = true)]
async fn each_reason_says_what_can_be_done() {
    type IsExpected = fn(&Error) -> bool;
    let table: [(&str, Code, IsExpected); 9] = [
        ("INVALID_SCOPE", Code::InvalidArgument, |error| matches!(error, Error::Request(_))),
        ("INVALID_CLIENT", Code::Unauthenticated, |error| matches!(error, Error::Credentials(_))),
        ("INVALID_TOKEN", Code::Unauthenticated, |error| matches!(error, Error::Credentials(_))),
        ("INVALID_GRANT", Code::Unauthenticated, |error| matches!(error, Error::Grant(_))),
        ("ACCESS_DENIED", Code::PermissionDenied, |error| matches!(error, Error::Forbidden(_))),
        ("OVERLOADED", Code::ResourceExhausted, |error| matches!(error, Error::Throttled { .. })),
        ("CURSOR_OUT_OF_RANGE", Code::OutOfRange, |error| {
            matches!(error, Error::CursorOutOfRange(_))
        }),
        ("SERVER_ERROR", Code::Internal, |error| matches!(error, Error::Server { .. })),
        // One that this version does not know counts as its code alone.
        ("NEWER_THAN_THIS", Code::Unavailable, |error| matches!(error, Error::Unavailable { .. })),
    ];
    for (reason, code, is_expected) in table {
        let fake = failing(9, refusal(code, reason));
        let failed = fake.client().issue_token(IssueTokenRequest::default()).await;
        let error = failed.expect_err("refused");
        assert!(is_expected(&error), "{reason}: {error:?}");
    }
}
