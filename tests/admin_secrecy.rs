//! Administration leaves no secret or password in the log, not at the loudest level and not when
//! calls fail, nor on the disk; and one line names the administrator and the change.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jeton::proto::v1::{
    Client, CreateClientRequest, CreateUserRequest, RotateClientSecretRequest,
    SetUserPasswordRequest, User,
};

use crate::common::{
    admin::{Admin, PASSWORD, with_admin},
    forms::Written,
    home::Home,
    server::Server,
};

/// Returns the secrets of which the beginning or the end is there: half of one is a leak too.
fn found_in(bytes: &[u8], secrets: &[String]) -> Vec<String> {
    let written = Written::new(bytes);
    let leaks = |secret: &&String| written.leaks(secret, 16);
    secrets.iter().filter(leaks).cloned().collect()
}

async fn every_success(admin: &Admin) -> Vec<String> {
    let client = |client_id: &str| Client { client_id: client_id.into(), ..Client::default() };
    let (_, generated) = admin.create_client(client("generated")).await;
    let chosen = "copper window 57 meadow".to_owned();
    let request = CreateClientRequest {
        client: Some(client("chosen")),
        client_secret: chosen.clone(),
        ..Default::default()
    };
    admin.stub.clone().create_client(admin.signed(request)).await.expect("a client");
    let rotated = RotateClientSecretRequest { client_id: "chosen".into(), ..Default::default() };
    let rotated = admin.rotate(rotated).await.expect("rotated").client_secret;
    let later = "teal lantern 31 harbour".to_owned();
    let request = RotateClientSecretRequest {
        client_id: "generated".into(),
        client_secret: later.clone(),
        ..Default::default()
    };
    admin.rotate(request).await.expect("rotated");
    let user_id = admin.create_user("carol").await.expect("a user").user_id;
    let password = "uz8qhwn5rgy3cb-second".to_owned();
    let request =
        SetUserPasswordRequest { user_id, password: password.clone(), keep_grants: false };
    admin.stub.clone().set_user_password(admin.signed(request)).await.expect("set");
    vec![generated, chosen, rotated, later, PASSWORD.to_owned(), password]
}

async fn every_failure(admin: &Admin) -> Vec<String> {
    let weak = "passwordpassword".to_owned();
    let user = User { username: "dave".into(), ..User::default() };
    let request = CreateUserRequest { user: Some(user), password: weak.clone() };
    admin.stub.clone().create_user(admin.signed(request)).await.expect_err("a common one");
    let long = "long-secret-".repeat(100);
    let request = RotateClientSecretRequest {
        client_id: "chosen".into(),
        client_secret: long.clone(),
        ..Default::default()
    };
    admin.rotate(request).await.expect_err("too long");
    let of_nobody = "secret-of-nobody-".to_owned();
    let request = RotateClientSecretRequest {
        client_id: "nobody".into(),
        client_secret: of_nobody.clone(),
        ..Default::default()
    };
    admin.rotate(request).await.expect_err("nobody");
    let wrong = "wrong-secret-of-root".to_owned();
    let stranger = Admin { secret: wrong.clone(), ..admin.clone() };
    stranger.create_user("erin").await.expect_err("a wrong secret");
    vec![weak, long, of_nobody, wrong, BASE64_STANDARD.encode("root:root-secret")]
}

#[tokio::test]
async fn the_log_of_administration_at_trace_level_and_the_disk_hold_no_secret() {
    let environment = [("JETON_LOG", "trace")];
    let server = Server::start_with(Home::new(), &with_admin(), &environment).await;
    let admin = Admin::of(&server).await;
    let mut secrets = every_success(&admin).await;
    secrets.extend(every_failure(&admin).await);
    server.terminate();
    let (home, log) = server.ended().await;
    assert!(log.contains("\"TRACE\""), "the log is at trace level");
    assert_eq!(found_in(log.as_bytes(), &secrets), [""; 0], "in the log");
    for (path, bytes) in home.at_rest() {
        assert_eq!(found_in(&bytes, &secrets), [""; 0], "in {}", path.display());
    }
    let audited = |action: &str| {
        let line = |line: &&str| line.contains("jeton::audit") && line.contains(action);
        log.lines().find(line).is_some_and(|line| line.contains(r#""client_id":"root""#))
    };
    for action in ["create client", "rotate client secret", "create user", "set user password"] {
        assert!(audited(action), "{action}");
    }
    assert!(log.contains(r#""record":"generated""#), "the search finds what is there");
}
