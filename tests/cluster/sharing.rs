//! Every change that one instance has acknowledged holds at all of them.

use jeton::proto::v1::{
    Client, GetClientRequest, RevokeGrantsRequest, RotateClientSecretRequest, TokenKind,
    issue_token_request::Grant,
};
use tokio::{join, time::Instant};
use tonic::Code;

use crate::{
    answers::{MAX_STALENESS, introspected},
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, by_password, client_credentials},
        home::Home,
        refusal::{assert_refused, error_info},
        settings::Table,
        wait::until,
    },
    database::Database,
    fleet::{beside, callers, refused_in_time, start_at, three},
    watcher::Watcher,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_one_issues_the_second_introspects_the_third_revokes_and_all_refuse() {
    let database = Database::shared("sharing");
    let instances = three(&database).await;
    let [first, second, third] = callers(&instances, "shop").await;
    let tokens = first.log_in().await;
    for caller in [&first, &second, &third] {
        // Twice: once from the store, once from memory.
        for _ in 0..2 {
            assert!(caller.is_active(&tokens.access_token).await);
        }
    }
    third.revoke(&tokens.refresh_token).await.expect("revoked");
    let revoked = Instant::now();
    tokio::join!(
        refused_in_time(&first, &tokens.access_token, revoked),
        refused_in_time(&second, &tokens.access_token, revoked),
        refused_in_time(&third, &tokens.access_token, revoked),
    );
    for caller in [&first, &second, &third] {
        let refused = caller.refresh(&tokens.refresh_token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
    for instance in instances {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn of_many_refreshes_at_three_instances_one_pair_comes_and_a_replay_ends_it_everywhere() {
    let database = Database::shared("refreshing");
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    let login = callers[0].log_in().await;
    let mut parent = login.refresh_token.clone();
    for _ in 0..10 {
        let racing = callers.iter().cycle().take(12).map(|caller| caller.refresh(&parent));
        let pairs = futures_util::future::join_all(racing).await;
        let pairs: Vec<_> = pairs.into_iter().map(|pair| pair.expect("a pair")).collect();
        for pair in &pairs {
            assert_eq!(pair.refresh_token, pairs[0].refresh_token);
            assert_eq!(pair.access_token, pairs[0].access_token);
        }
        for caller in &callers {
            assert!(caller.is_active(&pairs[0].access_token).await, "it is newer than memory");
        }
        parent.clone_from(&pairs[0].refresh_token);
    }
    let refused = callers[1].refresh(&login.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    for caller in &callers {
        let refused = caller.refresh(&parent).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
    let dead = callers[2].introspect_as(&parent, TokenKind::Refresh).await;
    assert!(!dead.active);
}

/// Each instance would look at five of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn of_guesses_at_three_instances_at_once_as_many_are_looked_at_as_the_limit_allows() {
    let database = Database::shared("guessing");
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    for name in ["alice", "nobody"] {
        let guess = async |caller: &Caller| {
            let mut request = by_password(name);
            if let Some(Grant::Password(grant)) = &mut request.grant {
                "a wrong guess".clone_into(&mut grant.password);
            }
            let refused = caller.issue(request).await.expect_err("a wrong guess");
            error_info(&refused).reason
        };
        let at_once = callers.iter().cycle().take(60).map(&guess);
        let mut told = futures_util::future::join_all(at_once).await;
        // On a machine that is busy some wait in vain for their turn.
        loop {
            let reason = guess(&callers[told.len() % 3]).await;
            told.push(reason);
            if told.last().is_some_and(|reason| reason == "RATE_LIMITED") {
                break;
            }
        }
        let looked_at = told.iter().filter(|reason| *reason == "INVALID_GRANT").count();
        assert_eq!(looked_at, 5, "{name}: {told:?}");
    }
    for instance in instances {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_administrator_works_at_any_instance_and_rotations_are_known_at_all() {
    let database = Database::shared("administration");
    let instances = three(&database).await;
    let [first, second, third] = &instances;
    let (admin, other) = (Admin::of(first).await, Admin::of(second).await);

    admin.create_user("carol").await.expect("a user");
    assert_eq!(other.user("carol").await.expect("the user").username, "carol");
    assert_refused(other.create_user("carol").await, Code::AlreadyExists, "ALREADY_EXISTS");

    // Each instance has the client in memory.
    let callers = callers(&instances, "shop").await;
    let mut tokens = Vec::new();
    for caller in &callers {
        tokens.push(caller.log_in().await.access_token);
    }
    let none = Some(prost_types::Duration::default());
    let request = RotateClientSecretRequest {
        client_id: "shop".to_owned(),
        previous_ttl: none,
        ..RotateClientSecretRequest::default()
    };
    let rotated = other.rotate(request).await.expect("a new secret");
    let since = Instant::now();
    let mut renewed = Vec::new();
    for caller in &callers {
        // At once, although what lies in memory knows the old one only.
        let new = Caller { secret: rotated.client_secret.clone(), ..caller.clone() };
        assert!(introspected(&new, &tokens[0]).await.expect("an answer").active);
        renewed.push(new);
    }
    for caller in &callers {
        loop {
            let asked = Instant::now();
            if let Err(refused) = introspected(caller, &tokens[0]).await {
                assert_refused::<()>(Err(refused), Code::Unauthenticated, "INVALID_CLIENT");
                break;
            }
            assert!(
                asked - since < MAX_STALENESS,
                "the old secret is good after {:?}",
                asked - since
            );
        }
    }

    // Disabled by one and enabled by another: an instance that remembers the first has to look.
    for caller in [first, second, third] {
        caller.caller("rival").await.log_in().await;
    }
    admin.set_disabled("rival", true).await;
    for instance in [first, second, third] {
        let rival = instance.caller("rival").await;
        let login = async || rival.issue(by_password("alice")).await.map(drop);
        until("to be refused", async || login().await.is_err()).await;
        assert_refused(login().await, Code::Unauthenticated, "INVALID_CLIENT");
    }
    other.set_disabled("rival", false).await;
    for instance in [first, second, third] {
        instance.caller("rival").await.log_in().await;
    }

    // All of a client's, by one write.
    let request = RevokeGrantsRequest { client_id: "shop".to_owned(), ..Default::default() };
    let ended = Admin::of(third).await.revoke_grants(request).await.expect("revoked");
    let revoked = Instant::now();
    assert!(ended.count >= 3, "{ended:?}");
    for (caller, token) in renewed.iter().zip(&tokens) {
        refused_in_time(caller, token, revoked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_watch_at_any_instance_hears_of_all_and_its_cursors_are_good_at_all() {
    let database = Database::shared("watching");
    let instances = three(&database).await;
    let gateways = callers(&instances, "gateway").await;
    let shops = callers(&instances, "shop").await;
    let mut watch = Watcher::of(&gateways[0]).await;
    let mut cursor = watch.cursor.clone();
    for round in 0..6 {
        let login = shops[round % 3].log_in().await;
        shops[(round + 1) % 3].revoke(&login.refresh_token).await.expect("revoked");
        // Of every instance the barrier names what was acknowledged.
        let end = gateways[(round + 2) % 3].cursor().await;
        let told = watch.reach(&end).await;
        assert!(told.iter().any(|event| names(event, &login.grant_id)), "{told:?}");
        // And a watch that goes on at another instance gets the same events, once.
        let mut resumed = Watcher::resume(&gateways[(round + 1) % 3], &cursor).await;
        let told = resumed.reach(&end).await;
        let count = told.iter().filter(|event| names(event, &login.grant_id)).count();
        assert_eq!(count, 1, "{told:?}");
        cursor = end;
    }
}

/// However many tokens are asked about at once, they wait for a few looks at the database together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_batch_of_tokens_that_no_memory_holds_is_looked_up_together() {
    const MANY: u64 = 300;
    let database = Database::shared("batch");
    let instances = three(&database).await;
    let [first, second, _] = callers(&instances, "shop").await;
    let mut tokens = Vec::new();
    for _ in 0..MANY {
        tokens.push(first.issue(client_credentials()).await.expect("a token").access_token);
    }
    first.revoke(&tokens[7]).await.expect("revoked");
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let ops = instances[1].ops().await;
    let barriers = async || ops.metrics().await.count("jeton_store_barrier_seconds_count");
    let before = barriers().await;
    let results = second.introspect_all(&tokens).await.expect("results");
    let passed = barriers().await - before;
    let active: Vec<bool> = results.iter().map(|result| result.active).collect();
    let expected: Vec<bool> = (0..MANY).map(|number| number != 7).collect();
    assert_eq!(active, expected);
    assert!((1..MANY / 2).contains(&passed), "{passed} barriers");
}

fn names(event: &jeton::proto::v1::Revocation, grant_id: &str) -> bool {
    format!("{event:?}").contains(grant_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn administrators_who_take_each_other_away_at_several_instances_leave_one() {
    let database = Database::shared("administrators");
    let second = Table::confidential("second").toml("permissions", r#"["admin"]"#);
    let settings = with_admin().and(second);
    let first = start_at(&database, Home::new(), &settings).await;
    let instances = [start_at(&database, beside(&first), &settings).await, first];
    let root = Admin::of(&instances[0]).await;
    let second = Admin::of(&instances[1]).await;
    let second = Admin { id: "second".into(), secret: "second-secret".into(), ..second };
    let disabled = |id: &str| Client { client_id: id.into(), disabled: true, ..Client::default() };
    for round in 0..20 {
        let (one, other) = join!(
            root.update_client(disabled("second"), &["disabled"]),
            second.update_client(disabled("root"), &["disabled"]),
        );
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?} {other:?}");
        let (stays, gone) = if one.is_ok() { (&root, "second") } else { (&second, "root") };
        stays.set_disabled(gone, false).await;
        // Authentication at the other instance may lag behind that.
        until("both to be let in again", async || {
            is_let_in(&root).await && is_let_in(&second).await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn an_event_that_does_not_decode_is_logged_and_hides_no_revocation() {
    let database = Database::shared("damaged_event");
    let instances = three(&database).await;
    let [first, second, _] = callers(&instances, "shop").await;
    let tokens = first.log_in().await;
    assert!(second.is_active(&tokens.access_token).await);
    instances[1].signal("STOP");
    first.revoke(&tokens.refresh_token).await.expect("revoked");
    let revoked = Instant::now();
    database.run(
        "UPDATE jeton_changes SET change = '\\xff' \
         WHERE sequence = (SELECT head FROM jeton_feed)",
    );
    instances[1].signal("CONT");
    instances[1].logs("an event of the feed is damaged").await;
    refused_in_time(&second, &tokens.access_token, revoked).await;
}

async fn is_let_in(admin: &Admin) -> bool {
    let request = GetClientRequest { client_id: "root".to_owned() };
    admin.stub.clone().get_client(admin.signed(request)).await.is_ok()
}
