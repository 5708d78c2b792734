//! Client secrets are rotated without downtime, and what has ended is refused.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::sync::Arc;

use jeton::proto::v1::{
    Client, CreateClientRequest, RotateClientSecretRequest, RotateClientSecretResponse,
};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
};
use tonic::Code;
use tonic_types::StatusExt as _;

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
    let settings = settings.set("passwords", "max_wait", "750ms");
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
    let client_secret = "copper window 57 meadow".to_owned();
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
    let next = "teal lantern 31 harbour".to_owned();
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
async fn a_chosen_secret_is_long_and_uncommon_and_the_refusal_says_so_with_the_numbers() {
    let server = Server::start(&with_admin().set_number("secrets", "min_length", 20)).await;
    let admin = Admin::of(&server).await;
    let common = "must not be a common password, nor made of the client's id: \
                  fewer than 100000000 guesses find it";
    for (weak, problem) in [
        ("x", "must have at least 20 characters"),
        ("kx7vqzmw2nfd9tr", "must have at least 20 characters"),
        ("passwordpasswordpassword", common),
        ("shop-shop-shop-shop-shop", common),
        (&"kx7vqzmw ".repeat(120), "must be at most 1024 bytes"),
    ] {
        let client_secret = weak.to_owned();
        let rotated = admin.rotate(RotateClientSecretRequest { client_secret, ..of_shop() }).await;
        let client = Client { client_id: "shop-2".to_owned(), ..Client::default() };
        let request = CreateClientRequest {
            client: Some(client),
            client_secret: weak.to_owned(),
            ..CreateClientRequest::default()
        };
        let created = admin.stub.clone().create_client(admin.signed(request)).await;
        for refused in [rotated.map(drop), created.map(drop)] {
            let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
            assert_eq!(status.message(), format!("client_secret: {problem}"));
            let details = status.get_details_bad_request().expect("BadRequest");
            assert_eq!(details.field_violations[0].field, "client_secret");
            assert_eq!(details.field_violations[0].description, problem);
        }
    }
    let client_secret = "violet tram 84 linden".to_owned();
    admin.rotate(RotateClientSecretRequest { client_secret, ..of_shop() }).await.expect("rotated");
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
        rotate("shop", "violet tram 84 linden".into(), 60).await.expect("rotated");
    assert_eq!(client_secret, "");
    let newest = &client.expect("the client").secrets[1];
    let (start, end) = (newest.create_time.expect("set"), newest.expire_time.expect("an end"));
    assert_eq!((newest.generated, end.seconds - start.seconds), (false, 60));
    server.stop().await;
}

fn repeatable(request_id: &str) -> RotateClientSecretRequest {
    RotateClientSecretRequest { request_id: request_id.into(), ..of_shop() }
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_is_repeated_and_the_secret_in_use_stays_good() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let etag = admin.client("shop").await.etag;
    let first = RotateClientSecretRequest { etag, ..repeatable("r-1") };
    let lost = admin.rotate(first.clone()).await.expect("rotated").client_secret;
    // Also after a restart: what a repeat is known by is in the record.
    let server = Server::start_at(server.stop().await, &with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, Caller { ..shop });
    let shop = Caller { stub: server.caller("shop").await.stub, ..shop };
    let mut answers = vec![lost];
    for _ in 0..3 {
        let answer =
            admin.rotate(first.clone()).await.expect("the state that it speaks of is its own");
        assert_eq!(answer.client.expect("the client").secrets.len(), 2);
        answers.push(answer.client_secret);
    }
    let newest = answers.pop().expect("an answer");
    assert!(is_let_in(&shop, "shop-secret").await && is_let_in(&shop, &newest).await);
    for lost in answers {
        assert!(!is_let_in(&shop, &lost).await, "nobody was shown it");
    }
    let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let chosen = "another-secret-of-shop".to_owned();
    for other in [
        RotateClientSecretRequest { secret_ttl: ttl, ..repeatable("r-1") },
        RotateClientSecretRequest { client_secret: chosen, ..repeatable("r-1") },
        repeatable("two words"),
    ] {
        assert_refused(admin.rotate(other).await, Code::InvalidArgument, "INVALID_REQUEST");
    }
    admin.rotate(repeatable("r-2")).await.expect("rotated");
    assert_refused(admin.rotate(repeatable("r-1")).await, Code::Aborted, "CONFLICT");
    server.stop().await;
}

#[tokio::test]
async fn the_same_secret_once_more_is_no_rotation_and_ends_the_one_before_no_later() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let generated = "jcs_C2XBYAdNIv429W6ctvsHReCMVoTr76BlTAszEXea38Ds";
    for secret in ["kx7vqzmw2nfd9tr-newest", generated] {
        let rotate = async |client_secret: &str, previous_ttl| {
            let client_secret = client_secret.to_owned();
            let request = RotateClientSecretRequest { client_secret, previous_ttl, ..of_shop() };
            admin.rotate(request).await
        };
        rotate("wq4zt9mbvk2xjd7-in-use", None).await.expect("rotated");
        let first = rotate(secret, None).await.expect("rotated").client;
        let again = rotate(secret, None).await.expect("the same").client;
        assert_eq!(first, again, "nothing was written");
        assert!(is_let_in(&shop, "wq4zt9mbvk2xjd7-in-use").await);
        let older = rotate("wq4zt9mbvk2xjd7-in-use", None).await;
        assert_refused(older, Code::Aborted, "CONFLICT");
        rotate(secret, Some(prost_types::Duration::default())).await.expect("the same");
        assert!(!is_let_in(&shop, "wq4zt9mbvk2xjd7-in-use").await);
        assert!(is_let_in(&shop, secret).await);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rotations_at_the_same_time_one_wins_and_the_others_are_told() {
    let server = Server::start(&with_admin()).await;
    let (admin, shop) = (Admin::of(&server).await, server.caller("shop").await);
    let stale = admin.client("shop").await.etag;
    for round in 0..20 {
        let kept = admin.rotate(of_shop()).await.expect("rotated").client_secret;
        let (etag, start) = (admin.client("shop").await.etag, Arc::new(Barrier::new(8)));
        let mut rotating = JoinSet::new();
        for number in 0..8 {
            let (admin, start) = (admin.clone(), Arc::clone(&start));
            // With and without the state that they mean, with one request id and with different ones.
            let request = match round % 3 {
                0 => of_shop(),
                1 => RotateClientSecretRequest { etag: etag.clone(), ..of_shop() },
                _ => repeatable(&format!("r-{round}-{}", number % 2)),
            };
            rotating.spawn(async move {
                start.wait().await;
                admin.rotate(request).await
            });
        }
        let answers = within("the rotations", rotating.join_all()).await;
        let (won, told): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        for told in told {
            assert_refused(told, Code::Aborted, "CONFLICT");
        }
        // One that came late found the winner's state, and was the next rotation of it.
        if round % 3 == 1 {
            assert_eq!(won.len(), 1);
            assert!(is_let_in(&shop, &kept).await, "the one before the winner's is good");
        }
        let mut good = 0;
        for answer in won {
            let secret = answer.expect("won").client_secret;
            good += usize::from(is_let_in(&shop, &secret).await);
        }
        assert!((1..=2).contains(&good), "{good} of the secrets that were answered are good");
    }
    let late = RotateClientSecretRequest { etag: stale, ..of_shop() };
    assert_refused(admin.rotate(late).await, Code::Aborted, "CONFLICT");
    server.stop().await;
}

#[tokio::test]
async fn what_would_be_refused_is_told_and_what_would_not_changes_nothing() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let before = admin.client("shop").await;
    let ask = |client_id: &str| RotateClientSecretRequest {
        client_id: client_id.into(),
        validate_only: true,
        ..Default::default()
    };
    let answer = admin.rotate(ask("shop")).await.expect("it would");
    assert_eq!(answer, RotateClientSecretResponse::default());
    assert_refused(admin.rotate(ask("app")).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_refused(admin.rotate(ask("nobody")).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(admin.client("shop").await, before);

    let create = async |client_id: &str, validate_only| {
        let client = Some(Client { client_id: client_id.into(), ..Default::default() });
        let request = CreateClientRequest { client, validate_only, ..Default::default() };
        admin.stub.clone().create_client(admin.signed(request)).await
    };
    let answer = create("new", true).await.expect("it would").into_inner();
    assert!(answer.client.is_none() && answer.client_secret.is_empty());
    create("new", false).await.expect("it was not there");
    assert_refused(create("new", true).await, Code::AlreadyExists, "ALREADY_EXISTS");
    server.stop().await;
}
