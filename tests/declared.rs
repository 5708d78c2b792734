//! The declarations of a settings file are applied once: a restart applies what was changed in the
//! file and nothing else, and what a change ends, it ends on every path.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{fs, time::Duration};

use jeton::{
    client::with_basic,
    domain::secret::Secret,
    proto::v1::{Client, InactiveReason, IssueTokenRequest, IssueTokenResponse, TokenKind},
};
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    command::{run, text},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
};

async fn restart(server: Server, settings: &Settings) -> Server {
    Server::start_at(server.stop().await, settings).await
}

/// A user's grant at a client is dead wherever it can be shown.
async fn assert_dead_everywhere(
    server: &Server,
    owner: &Caller,
    grant: &IssueTokenResponse,
    reason: InactiveReason,
) {
    let gateway = server.caller("gateway").await;
    assert_eq!(gateway.reason(&grant.access_token).await, reason);
    let batch = gateway.introspect_all(&[&grant.access_token]).await.expect("results");
    assert!(!batch[0].active);
    owner.refresh(&grant.refresh_token).await.expect_err("nothing is refreshed");
}

#[tokio::test]
async fn a_restart_with_the_same_file_changes_nothing() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let subject = shop.introspect(&first.access_token).await.subject;
    let before = shop.cursor().await;
    let server = restart(server, &settings).await;
    let shop = server.caller("shop").await;
    assert_eq!(shop.cursor().await, before);
    assert!(shop.is_active(&first.access_token).await);
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_eq!(shop.introspect(&second.access_token).await.subject, subject);
    server.stop().await;
}

#[tokio::test]
async fn a_changed_field_is_applied_and_the_grants_live_on() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let settings = settings
        .declare("shop", "scopes", r#"["audit"]"#)
        .declare("shop", "access_token_ttl", r#""5m""#)
        .declare("shop", "attributes", r#"{ team = "sales" }"#)
        .declare("alice", "attributes", r#"{ email = "alice@example.net" }"#);
    let server = restart(server, &settings).await;
    let shop = server.caller("shop").await;
    let answer = shop.introspect(&first.access_token).await;
    assert_eq!(answer.attributes["team"], "sales");
    assert_eq!(answer.attributes["email"], "alice@example.net");
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_eq!((second.expires_in, second.scopes), (300, first.scopes));
    let fresh = shop.log_in().await;
    assert_eq!((fresh.expires_in, fresh.scopes), (300, vec!["audit".to_owned()]));
    server.stop().await;
}

#[tokio::test]
async fn a_field_that_is_no_longer_declared_stays_as_it_was() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""5m""#);
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let settings = settings.undeclare("shop", "access_token_ttl").undeclare("shop", "attributes");
    let server = restart(server, &settings.undeclare("shop", "grants")).await;
    let shop = server.caller("shop").await;
    assert_eq!(shop.introspect(&first.access_token).await.attributes["team"], "payments");
    assert_eq!(shop.log_in().await.expires_in, 300);
    shop.issue(client_credentials()).await.expect("the grant types stayed");
    server.stop().await;
}

#[tokio::test]
async fn a_client_or_user_that_is_no_longer_declared_stays_where_the_settings_keep_it() {
    let settings = Settings::standard().set("serve", "undeclared", "keep");
    let server = Server::start(&settings).await;
    let of_bob = server.caller("rival").await.issue(by_password("bob")).await.expect("a grant");
    let server = restart(server, &settings.without("rival").without("bob")).await;
    let rival = server.caller("rival").await;
    rival.refresh(&of_bob.refresh_token).await.expect("client and user stayed");
    rival.issue(by_password("bob")).await.expect("the password stayed");
    for name in ["client rival", "user bob"] {
        server.logs(&format!("the {name} is declared no more: it stays as it is")).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_and_a_user_taken_out_of_the_file_end_and_can_be_declared_again() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let at_rival = rival.log_in().await;
    let of_bob = shop.issue(by_password("bob")).await.expect("a grant");
    let of_alice = shop.log_in().await;
    let admin = Admin::of(&server).await;
    admin.create_user("carol").await.expect("made by an administrator");

    let less = settings.clone().without("rival").without("bob");
    let config = server.home().path().join("less.toml");
    fs::write(&config, less.render(server.home().path())).expect("the settings");
    let output = run(server.home(), &["check", "--config", text(&config)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for name in ["client rival", "user bob"] {
        assert!(said.contains(&format!("the {name} was declared at the last start")), "{said}");
    }
    assert_eq!(said.lines().filter(|line| line.contains("last start")).count(), 2, "{said}");

    let server = restart(server, &less).await;
    for name in ["client rival", "user bob"] {
        server.logs(&format!("the {name} is declared no more: it is disabled")).await;
    }
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    assert_dead_everywhere(&server, &rival, &at_rival, InactiveReason::ClientEnded).await;
    assert_dead_everywhere(&server, &shop, &of_bob, InactiveReason::SubjectEnded).await;
    assert_refused(
        rival.issue(client_credentials()).await,
        Code::Unauthenticated,
        "INVALID_CLIENT",
    );
    assert_refused(shop.issue(by_password("bob")).await, Code::Unauthenticated, "INVALID_GRANT");
    shop.refresh(&of_alice.refresh_token).await.expect("the others go on");
    let admin = Admin::of(&server).await;
    assert!(!admin.user("carol").await.expect("carol").disabled, "never declared");

    let server = restart(server, &settings).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    rival.issue(by_password("bob")).await.expect("both are back");
    assert_dead_everywhere(&server, &shop, &of_bob, InactiveReason::SubjectEnded).await;
    server.stop().await;
}

#[tokio::test]
async fn what_an_administrator_does_to_one_that_was_taken_out_is_not_undone() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    Admin::of(&server).await.set_disabled("rival", true).await;
    let less = settings.clone().without("rival").without("kiosk");
    let server = restart(server, &less).await;
    let admin = Admin::of(&server).await;
    admin.set_disabled("kiosk", false).await;
    let server = restart(server, &less).await;
    server.caller("kiosk").await.log_in().await;
    let server = restart(server, &settings).await;
    assert!(Admin::of(&server).await.client("rival").await.disabled, "the administrator's");
    server.stop().await;
}

#[tokio::test]
async fn a_declaration_that_does_not_fit_what_an_administrator_changed_is_refused_and_disabling_never()
 {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let (minutes, fields) = (Duration::from_secs(600), ["access_token_ttl", "grant_ttl"]);
    let minutes = prost_types::Duration::try_from(minutes).ok();
    let client = Client {
        client_id: "shop".to_owned(),
        access_token_ttl: minutes,
        grant_ttl: minutes,
        ..Client::default()
    };
    Admin::of(&server).await.update_client(client, &fields).await.expect("it fits");
    let home = server.stop().await;
    let settings = settings.declare("shop", "access_token_ttl", r#""1h""#);
    let said = Server::fail_to_start(&home, &settings).await;
    assert!(
        said.contains("the declared client shop: client.access_token_ttl: must be at most"),
        "{said}"
    );
    let settings = settings.declare("shop", "disabled", "true");
    let server = Server::start_at(home, &settings).await;
    let refused = server.caller("shop").await.issue(client_credentials()).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test]
async fn a_restart_hashes_once_for_all_declared_passwords_and_again_for_those_that_changed() {
    let server = Server::start(&Settings::standard()).await;
    let hashed = async |server: &Server| {
        server.ops().await.metrics().await.count("jeton_hash_seconds_count")
    };
    let secrets = ["shop", "rival", "billing", "gateway", "alice", "bob"].len() as u64;
    assert_eq!(hashed(&server).await, secrets + 2, "and a seal for clients and one for users");
    let server = restart(server, &Settings::standard()).await;
    assert_eq!(hashed(&server).await, 2);
    let changed = Settings::standard().declare("bob", "password", r#""another""#);
    let server = restart(server, &changed).await;
    // The clients' seal; the users', which does not hold; each of them; bob's new hash and the new seal.
    assert_eq!(hashed(&server).await, 1 + 1 + 2 + 2);
    assert_eq!(hashed(&restart(server, &changed).await).await, 2);
}

#[tokio::test]
async fn disabling_a_user_ends_their_grants_and_enabling_brings_none_back() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let (shop, app) = (server.caller("shop").await, server.caller("app").await);
    let at_shop = shop.log_in().await;
    let at_app = app.log_in().await;
    let of_bob = shop.issue(by_password("bob")).await.expect("a grant");
    let own = shop.issue(client_credentials()).await.expect("a token");

    let server = restart(server, &settings.clone().declare("alice", "disabled", "true")).await;
    let (shop, app) = (server.caller("shop").await, server.caller("app").await);
    assert_dead_everywhere(&server, &shop, &at_shop, InactiveReason::SubjectEnded).await;
    assert_dead_everywhere(&server, &app, &at_app, InactiveReason::SubjectEnded).await;
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert!(shop.is_active(&of_bob.access_token).await);
    assert!(shop.is_active(&own.access_token).await);

    let server = restart(server, &settings.declare("alice", "disabled", "false")).await;
    let shop = server.caller("shop").await;
    assert_dead_everywhere(&server, &shop, &at_shop, InactiveReason::SubjectEnded).await;
    assert!(shop.is_active(&shop.log_in().await.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn changing_a_password_ends_the_users_grants_and_nobody_elses() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let of_alice = shop.log_in().await;
    let of_bob = shop.issue(by_password("bob")).await.expect("a grant");
    let settings = settings.declare("alice", "password", r#""another""#);
    let server = restart(server, &settings).await;
    let shop = server.caller("shop").await;
    assert_dead_everywhere(&server, &shop, &of_alice, InactiveReason::SubjectEnded).await;
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    shop.refresh(&of_bob.refresh_token).await.expect("bob's goes on");
    server.stop().await;
}

#[tokio::test]
async fn disabling_a_client_ends_its_grants_and_shuts_it_out_and_no_other() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let (at_shop, at_rival) = (shop.log_in().await, rival.log_in().await);

    let server = restart(server, &settings.clone().declare("shop", "disabled", "true")).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    assert_dead_everywhere(&server, &shop, &at_shop, InactiveReason::ClientEnded).await;
    for refused in [
        shop.issue(client_credentials()).await.map(drop),
        shop.refresh(&at_shop.refresh_token).await.map(drop),
        shop.revoke(&at_shop.refresh_token).await,
        shop.introspect_all(&[]).await.map(drop),
    ] {
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    rival.refresh(&at_rival.refresh_token).await.expect("another client's goes on");

    let server = restart(server, &settings.declare("shop", "disabled", "false")).await;
    let shop = server.caller("shop").await;
    assert_dead_everywhere(&server, &shop, &at_shop, InactiveReason::ClientEnded).await;
    assert!(shop.is_active(&shop.log_in().await.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn disabling_a_public_client_ends_its_grants_as_well() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let at_app = server.caller("app").await.log_in().await;
    let server = restart(server, &settings.declare("app", "disabled", "true")).await;
    let app = server.caller("app").await;
    assert_dead_everywhere(&server, &app, &at_app, InactiveReason::ClientEnded).await;
    let refused = app.issue(by_password("alice")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test]
async fn changing_a_secret_shuts_the_old_one_out_and_ends_no_grant() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let settings = settings.declare("shop", "secret", r#""another""#);
    let server = restart(server, &settings).await;
    let old = server.caller("shop").await;
    let refused = old.refresh(&first.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    let new = Caller { secret: "another".to_owned(), ..old };
    assert!(new.is_active(&first.access_token).await);
    assert!(new.introspect_as(&first.refresh_token, TokenKind::Refresh).await.active);
    new.refresh(&first.refresh_token).await.expect("the grant goes on");
    server.stop().await;
}

#[tokio::test]
async fn a_secret_is_declared_in_clear_by_a_variable_or_by_a_file_alike() {
    let secret_file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(secret_file.path(), "secret of the file\n").expect("the secret");
    let path = secret_file.path().display().to_string();
    let grants = r#"["client_credentials"]"#;
    let of_file = Table::client("of-file").text("secret_file", &path).toml("grants", grants);
    let of_env = Table::client("of-env").text("secret_env", "THE_SECRET").toml("grants", grants);
    let settings = Settings::standard().and(of_file).and(of_env);
    let environment = [("THE_SECRET", "secret of the variable")];
    let server = Server::start_with(Home::new(), &settings, &environment).await;
    let shop = server.caller("shop").await;
    for (id, secret) in [("of-file", "secret of the file"), ("of-env", "secret of the variable")] {
        let message = IssueTokenRequest { client_id: id.to_owned(), ..client_credentials() };
        let request = with_basic(message, id, &Secret::new(secret));
        shop.stub.clone().issue_token(request).await.expect("a token");
        let wrong = with_basic(client_credentials(), id, &Secret::new("another"));
        let refused = shop.stub.clone().issue_token(wrong).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    server.stop().await;
}
