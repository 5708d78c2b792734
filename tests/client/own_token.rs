//! A client's own token: issued once, renewed ahead of its end, replaced when it is refused.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::{
    client::{Credentials, Error, OwnToken, TokenClient},
    proto::v1::IntrospectRequest,
};
use tokio::time::sleep;
use tonic::Code;

use crate::fake::{Fake, refusal, until};

fn bearing(fake: &Fake) -> TokenClient {
    let own = OwnToken::new(fake.client());
    TokenClient::new(fake.channel(), Credentials::Bearer(own))
}

async fn call(client: &TokenClient) -> Result<(), Error> {
    client.introspect(IntrospectRequest::default()).await.map(drop)
}

fn last_authorization(fake: &Fake) -> String {
    fake.world().authorizations.last().expect("a call").clone()
}

#[tokio::test(start_paused = true)]
async fn all_who_need_it_first_share_one_that_is_issued_once() {
    let fake = Fake::start();
    let client = bearing(&fake);
    let calls = join_all((0..20).map(|_| call(&client))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(fake.world().calls("IssueToken"), 1);
    assert_eq!(last_authorization(&fake), "Bearer jat_own1");
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_before_it_ends_and_nobody_waits_for_that() {
    let fake = Fake::start();
    let client = bearing(&fake);
    call(&client).await.expect("a call");
    sleep(Duration::from_secs(900 * 81 / 100)).await;
    call(&client).await.expect("a call");
    assert_eq!(last_authorization(&fake), "Bearer jat_own1");
    until("to be renewed", || fake.world().calls("IssueToken") == 2).await;
    call(&client).await.expect("a call");
    assert_eq!(last_authorization(&fake), "Bearer jat_own2");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_renewed_is_used_until_it_ends() {
    let fake = Fake::start();
    let client = bearing(&fake);
    call(&client).await.expect("a call");
    let refused = refusal(Code::Unauthenticated, "INVALID_CLIENT");
    sleep(Duration::from_secs(900 * 81 / 100)).await;
    fake.change(|world| (world.fault, world.faults) = (Some(refused), None));
    drop(call(&client).await);
    until("to be tried", || fake.world().calls("IssueToken") > 1).await;
    fake.change(|world| world.fault = None);
    let issued = fake.world().calls("IssueToken");
    assert!(issued > 1);
    sleep(Duration::from_secs(1)).await;
    call(&client).await.expect("a call");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_failed_is_tried_again_after_a_pause() {
    let fake = Fake::start();
    let client = bearing(&fake);
    call(&client).await.expect("a call");
    sleep(Duration::from_secs(900 * 81 / 100)).await;
    let refused = refusal(Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    fake.change(|world| (world.fault, world.faults) = (Some(refused), None));
    for _ in 0..600 {
        call(&client).await.expect_err("refused");
        sleep(Duration::from_millis(10)).await;
    }
    let tried = fake.world().calls("IssueToken") - 1;
    assert!((1..=2).contains(&tried), "{tried} renewals in 6 s");
    fake.change(|world| world.fault = None);
    sleep(Duration::from_secs(30)).await;
    call(&client).await.expect("a call");
    until("to be renewed", || fake.world().calls("IssueToken") > tried + 1).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_is_replaced_within_the_call() {
    let fake = Fake::start();
    let client = bearing(&fake);
    call(&client).await.expect("a call");
    let refused = refusal(Code::Unauthenticated, "INVALID_TOKEN");
    fake.change(|world| (world.fault, world.faults) = (Some(refused), Some(1)));
    call(&client).await.expect("a call");
    assert_eq!(last_authorization(&fake), "Bearer jat_own2");
}

#[tokio::test(start_paused = true)]
async fn every_grant_is_asked_for_with_a_request_id_of_its_own() {
    let fake = Fake::start();
    call(&bearing(&fake)).await.expect("a call");
    call(&bearing(&fake)).await.expect("a call");
    let ids = fake.world().request_ids.clone();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_issue_is_told_to_all_who_wait_and_asked_for_once_in_a_while() {
    let fake = Fake::start();
    let refused = refusal(Code::Unauthenticated, "INVALID_CLIENT");
    fake.change(|world| (world.fault, world.faults) = (Some(refused), None));
    let client = bearing(&fake);
    let calls = join_all((0..20).map(|_| call(&client))).await;
    assert!(calls.iter().all(|call| matches!(call, Err(Error::Credentials(_)))));
    assert_eq!(fake.world().calls("IssueToken"), 1);
    fake.change(|world| world.fault = None);
    sleep(Duration::from_secs(1)).await;
    call(&client).await.expect("a call");
}
