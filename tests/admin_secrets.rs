//! Client secrets are rotated without downtime, and what has ended is refused.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::sync::Arc;

use jeton::proto::v1::{Client, RotateClientSecretRequest, RotateClientSecretResponse};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
};
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, client_credentials},
    refusal::assert_refused,
    server::Server,
    wait::within,
};

const CALLERS: usize = 100;

fn of_shop() -> RotateClientSecretRequest {
    RotateClientSecretRequest { client_id: "shop".into(), ..Default::default() }
}

async fn refresh_times(caller: &Caller, token: String, times: usize) -> String {
    let mut token = token;
    for _ in 0..times {
        token = caller.refresh(&token).await.expect("a pair").refresh_token;
    }
    token
}

/// Refreshes with the old secret before, while and after it is rotated, then with the new one.
async fn refresh_through(
    mut caller: Caller,
    token: String,
    rotated: Arc<Barrier>,
    new_secret: watch::Receiver<String>,
) {
    let token = refresh_times(&caller, token, 3).await;
    within("the rotation", rotated.wait()).await;
    let token = refresh_times(&caller, token, 2).await;
    caller.secret.clone_from(&new_secret.borrow());
    refresh_times(&caller, token, 3).await;
}

/// One thread that hashes, a few milliseconds each: a hundred callers who each cost a hash would
/// overflow its queue.
async fn no_refresh_fails_while_the_secret_is_rotated(request: RotateClientSecretRequest) {
    let settings = with_admin().set("passwords", "memory", "2MiB").hash_threads(1);
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let mut callers = Vec::new();
    for _ in 0..10 {
        callers.push(server.caller("shop").await);
    }
    let rotated = Arc::new(Barrier::new(CALLERS + 1));
    let (tell, new_secret) = watch::channel(String::new());
    let mut refreshing = JoinSet::new();
    for number in 0..CALLERS {
        let caller = callers[number % callers.len()].clone();
        let token = caller.log_in().await.refresh_token;
        refreshing.spawn(refresh_through(caller, token, rotated.clone(), new_secret.clone()));
    }
    let chosen = request.client_secret.clone();
    let answer = admin.rotate(request).await.expect("rotated");
    tell.send_replace(if chosen.is_empty() { answer.client_secret } else { chosen });
    within("the callers", rotated.wait()).await;
    within("every refresh", refreshing.join_all()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_to_a_generated_one_while_100_clients_refresh() {
    no_refresh_fails_while_the_secret_is_rotated(of_shop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_to_a_chosen_one_while_100_clients_refresh() {
    let client_secret = "a-new-secret-of-shop".to_owned();
    let request = RotateClientSecretRequest { client_secret, ..of_shop() };
    no_refresh_fails_while_the_secret_is_rotated(request).await;
}

async fn is_let_in(caller: &Caller, secret: &str) -> bool {
    let caller = Caller { secret: secret.to_owned(), ..caller.clone() };
    match caller.issue(client_credentials()).await {
        Ok(_) => true,
        Err(status) => {
            assert_refused::<()>(Err(status), Code::Unauthenticated, "INVALID_CLIENT");
            false
        }
    }
}

#[tokio::test]
async fn two_secrets_are_good_and_the_one_before_them_is_not() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let grant = shop.log_in().await;
    let first = admin.rotate(of_shop()).await.expect("rotated").client_secret;
    assert!(is_let_in(&shop, "shop-secret").await && is_let_in(&shop, &first).await);
    let answer = admin.rotate(of_shop()).await.expect("rotated");
    let second = answer.client_secret;
    assert!(!is_let_in(&shop, "shop-secret").await, "the one before the newest ends at once");
    assert!(is_let_in(&shop, &first).await && is_let_in(&shop, &second).await);
    let [older, newest] = &*answer.client.expect("the client").secrets else { panic!("two") };
    let (Some(end), Some(start)) = (older.expire_time, newest.create_time) else { panic!("times") };
    assert_eq!(end.seconds - start.seconds, 24 * 60 * 60);
    assert!(older.generated && newest.generated && newest.expire_time.is_none());

    let at_once = Some(prost_types::Duration::default());
    let request = RotateClientSecretRequest { previous_ttl: at_once, ..of_shop() };
    let third = admin.rotate(request).await.expect("rotated").client_secret;
    assert!(!is_let_in(&shop, &first).await && !is_let_in(&shop, &second).await);
    assert!(is_let_in(&shop, &third).await);
    let shop = Caller { secret: third, ..shop };
    shop.refresh(&grant.refresh_token).await.expect("grants live on");
    let server = Server::start_at(server.stop().await, &with_admin()).await;
    let shop = Caller { secret: shop.secret, ..server.caller("shop").await };
    assert!(!is_let_in(&shop, "shop-secret").await, "what is declared is not applied again");
    assert!(is_let_in(&shop, &shop.secret).await);
    server.stop().await;
}

/// The cache of verified secrets must know: each is shown, and so remembered, while it is good.
#[tokio::test]
async fn a_remembered_secret_ends_with_its_expiry_its_rotation_and_its_client() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let second = prost_types::Duration { seconds: 1, nanos: 0 };
    let next = "chosen-for-later".to_owned();
    let request = RotateClientSecretRequest {
        client_secret: next.clone(),
        previous_ttl: Some(second),
        ..of_shop()
    };
    assert!(is_let_in(&shop, "shop-secret").await);
    admin.rotate(request).await.expect("rotated");
    assert!(is_let_in(&shop, &next).await);
    common::wait::until("the old secret to expire", async || {
        !is_let_in(&shop, "shop-secret").await
    })
    .await;
    assert!(is_let_in(&shop, &next).await);
    admin.set_disabled("shop", true).await;
    assert!(!is_let_in(&shop, &next).await);
    admin.set_disabled("shop", false).await;
    assert!(is_let_in(&shop, &next).await);
    let at_once = Some(prost_types::Duration::default());
    let replaced = RotateClientSecretRequest { previous_ttl: at_once, ..of_shop() };
    admin.rotate(replaced).await.expect("rotated");
    assert!(!is_let_in(&shop, &next).await);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_and_a_chosen_secret_is_not_shown() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let rotate = async |client_id: &str, client_secret: String, seconds| {
        let secret_ttl = Some(prost_types::Duration { seconds, nanos: 0 });
        let client_id = client_id.to_owned();
        let request =
            RotateClientSecretRequest { client_id, client_secret, secret_ttl, ..of_shop() };
        admin.rotate(request).await
    };
    for (outcome, code, reason) in [
        (rotate("", String::new(), 1).await, Code::InvalidArgument, "INVALID_REQUEST"),
        (rotate("nobody", String::new(), 1).await, Code::NotFound, "NOT_FOUND"),
        (rotate("usr_x", String::new(), 1).await, Code::NotFound, "NOT_FOUND"),
        (rotate("app", String::new(), 1).await, Code::InvalidArgument, "INVALID_REQUEST"),
        (rotate("shop", "x".repeat(1025), 1).await, Code::InvalidArgument, "INVALID_REQUEST"),
        (rotate("shop", String::new(), 0).await, Code::InvalidArgument, "INVALID_REQUEST"),
        (rotate("shop", String::new(), -1).await, Code::InvalidArgument, "INVALID_REQUEST"),
    ] {
        assert_refused(outcome, code, reason);
    }
    let Client { secrets, .. } = admin.client("shop").await;
    assert_eq!(secrets.len(), 1, "nothing was changed");
    let RotateClientSecretResponse { client_secret, client } =
        rotate("shop", "chosen-by-somebody".into(), 60).await.expect("rotated");
    assert_eq!(client_secret, "");
    let newest = &client.expect("the client").secrets[1];
    let (start, end) = (newest.create_time.expect("set"), newest.expire_time.expect("an end"));
    assert_eq!((newest.generated, end.seconds - start.seconds), (false, 60));
    server.stop().await;
}
