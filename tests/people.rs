//! People log in with ID tokens of trusted issuers (RFC 7523 §2.1): as the user that lists the issuer and
//! the subject, and as nobody else.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{fs, path::PathBuf};

use jeton::proto::v1::{
    Client, CreateUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest, GrantType,
    IntrospectRequest, IssueTokenRequest, IssueTokenResponse, JwtBearerGrant, ListClientsRequest,
    ListUsersRequest, TokenExchangeGrant, UpdateUserRequest, User, UserIdentity,
    admin_service_client::AdminServiceClient, get_user_request::Name, issue_token_request::Grant,
};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::common::{
    admin::{Admin, mask, with_admin},
    caller::{Caller, by_password},
    home::Home,
    http::post,
    issuer::{SigningKey, jwks},
    now::seconds,
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

const HERE: &str = "https://tokens.example";
const CORP: &str = "https://login.corp.example";
const PARTNER: &str = "https://login.partner.example";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// People of the company: anybody, by two applications, with two groups of administrators.
const USERS: &str = r#"{ audiences = [{ id = "web-app", clients = ["web"] }, { id = "jeton-cli", clients = ["cli"] }], create = true, attributes = { email = "email", team = "org.team" }, permissions = [{ claim = "groups", value = "jeton-admins", allow = ["admin"] }, { claim = "groups", value = "jeton-support", allow = ["users"] }], permission_ttl = "1h" }"#;
/// People of a partner: those who are known.
const KNOWN: &str = r#"{ audiences = [{ id = "web-app", clients = ["web"] }] }"#;

struct World {
    corp: SigningKey,
    partner: SigningKey,
    ci: SigningKey,
    audit: PathBuf,
    settings: Settings,
    server: Server,
}

impl World {
    async fn start() -> Self {
        let (corp, partner) = (SigningKey::p256("corp-1"), SigningKey::rsa("partner-1"));
        let ci = SigningKey::ed25519("ci-1");
        let home = Home::new();
        let audit = home.path().join("audit.jsonl");
        let issuer = |name: &'static str, iss: &str, key: &SigningKey| {
            let keys = home.path().join(format!("{name}.json"));
            fs::write(&keys, jwks([key])).expect("written");
            let issuer = Table::issuer(name).text("issuer", iss);
            issuer.text("jwks_file", &keys.display().to_string()).text("max_lifetime", "1h")
        };
        let grants = r#"["jwt_bearer", "refresh_token"]"#;
        let cli = Table::public("cli").toml("grants", grants);
        let web_grants = r#"["jwt_bearer", "refresh_token", "token_exchange"]"#;
        let web = Table::confidential("web").toml("grants", web_grants);
        let settings = with_admin()
            .set("http", "issuer", HERE)
            .set("audit", "target", &format!("file:{}", audit.display()))
            .and(issuer("corp", CORP, &corp).toml("users", USERS))
            .and(issuer("partner", PARTNER, &partner).toml("users", KNOWN))
            .and(issuer("ci", CORP, &ci))
            .and(web.toml("may_exchange_to", r#"["ledger"]"#))
            .and(cli.toml("audience", r#"["billing", "jeton"]"#));
        let server = Server::start_at(home, &settings).await;
        let world = Self { corp, partner, ci, audit, settings, server };
        world.knows_the_keys().await;
        world
    }

    async fn knows_the_keys(&self) {
        let read = || self.server.log().matches("the keys of the issuer were read").count();
        let instances = self.server.addresses().len();
        until("the keys of all", async || read() >= 3 * instances).await;
    }

    /// The application that shows ID tokens for `web-app`.
    async fn web(&self) -> Caller {
        self.server.caller("web").await
    }

    /// The application without a secret that shows ID tokens for `jeton-cli`.
    async fn cli(&self) -> Caller {
        Caller { secret: String::new(), ..self.server.caller("cli").await }
    }

    /// The causes of refused logins, once there are so many.
    async fn causes(&self, count: usize) -> Vec<String> {
        let read = || {
            let text = fs::read_to_string(&self.audit).expect("the audit");
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines = whole.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            let refused = lines
                .filter(|line: &Value| line["event"] == "issue" && line["outcome"] == "refused");
            refused.map(|line| line["cause"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
        };
        until("the audit has it", async || read().len() >= count).await;
        read()
    }
}

/// Claims of an ID token for `web-app`. Each has its own `jti`.
fn claims(iss: &str, sub: &str) -> Value {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let jti = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let now = seconds();
    json!({
        "iss": iss, "sub": sub, "aud": "web-app", "azp": "web-app", "typ": "ID", "nonce": "n",
        "iat": now, "auth_time": now, "exp": now + 300, "jti": jti.to_string(),
        "preferred_username": sub, "email": format!("{sub}@corp.example"), "email_verified": true,
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// The same for the application `jeton-cli`.
fn for_cli(claims: Value) -> Value {
    with(with(claims, "aud", json!(["jeton-cli"])), "azp", json!("jeton-cli"))
}

fn shown(id_token: &str) -> IssueTokenRequest {
    let grant = JwtBearerGrant { assertion: id_token.to_owned() };
    IssueTokenRequest { grant: Some(Grant::JwtBearer(grant)), ..Default::default() }
}

/// Shows an ID token for an exchange.
fn exchanged(id_token: &str) -> IssueTokenRequest {
    let shown = TokenExchangeGrant {
        subject_token: id_token.to_owned(),
        subject_token_type: ID_TOKEN.to_owned(),
        ..TokenExchangeGrant::default()
    };
    IssueTokenRequest { grant: Some(Grant::TokenExchange(shown)), ..Default::default() }
}

async fn log_in(client: &Caller, id_token: &str) -> Result<IssueTokenResponse, Status> {
    client.issue(shown(id_token)).await
}

/// An access token for administration.
async fn for_jeton(cli: &Caller, id_token: &str) -> IssueTokenResponse {
    let request = IssueTokenRequest { audience: vec!["jeton".to_owned()], ..shown(id_token) };
    cli.issue(request).await.expect("a token for jeton")
}

fn identity(issuer: &str, subject: &str) -> UserIdentity {
    UserIdentity { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

async fn link(admin: &Admin, name: &str, identities: &[UserIdentity]) -> Result<User, Status> {
    let user_id = admin.user_id(name).await;
    let user = User { user_id, identities: identities.to_vec(), ..User::default() };
    let update_mask = Some(mask(&["identities"]));
    let request = UpdateUserRequest { user: Some(user), update_mask };
    let answer = admin.stub.clone().update_user(admin.signed(request)).await?;
    Ok(answer.into_inner().user.expect("the user"))
}

#[tokio::test]
async fn an_id_token_makes_a_user_at_the_first_login_who_is_found_by_issuer_and_sub_ever_after() {
    let world = World::start().await;
    let World { corp, partner, server, .. } = &world;
    let (web, gateway) = (world.web().await, server.caller("gateway").await);
    let first = with(claims(CORP, "8f2c"), "preferred_username", json!("Zoë"));
    let first = with(first, "org", json!({ "team": ["blue", "green"] }));
    let tokens = log_in(&web, &corp.token(&first)).await.expect("a first login");
    assert!(!tokens.refresh_token.is_empty());
    let seen = gateway.introspect(&tokens.access_token).await;
    assert_eq!((seen.username.as_str(), seen.client_id.as_str()), ("zoë", "web"));
    assert_eq!(seen.attributes["email"], "8f2c@corp.example");
    assert_eq!(seen.attributes["team"], "blue green");

    // The name and the address are others now, the team is gone; over HTTP.
    let later = with(claims(CORP, "8f2c"), "preferred_username", json!("root"));
    let later = corp.token(&with(later, "email", json!("zoe@corp.example")));
    let form = [
        ("grant_type", JWT_BEARER),
        ("assertion", later.as_str()),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let (status, answer) = post(server, "/oauth/token", &form).await;
    assert_eq!(status, 200, "{answer}");
    let again = gateway.introspect(answer["access_token"].as_str().expect("a token")).await;
    assert_eq!((&again.subject, again.username.as_str()), (&seen.subject, "zoë"));
    assert_eq!(again.attributes["email"], "zoe@corp.example");
    assert!(!again.attributes.contains_key("team"));
    web.refresh(&tokens.refresh_token).await.expect("the first grant lives on");

    // The same sub and address of another issuer is somebody else, of whom nobody knows.
    let other = with(claims(PARTNER, "8f2c"), "email", json!("zoe@corp.example"));
    let refused = log_in(&web, &partner.token(&other)).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    assert_eq!(world.causes(1).await, ["unknown_user"]);
    let admin = Admin::of(server).await;
    let user = admin.user("zoë").await.expect("the user");
    assert_eq!(user.identities, [identity("corp", "8f2c")]);
    assert!(!user.has_password && user.permissions.is_empty());
    let refused = server.caller("shop").await.issue(by_password("zoë")).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    world.server.stop().await;
}

#[tokio::test]
async fn what_is_no_good_id_token_is_refused_by_one_text_and_its_cause_is_in_the_audit() {
    let world = World::start().await;
    let World { corp, partner, ci, server, .. } = &world;
    let (web, now, good) = (world.web().await, seconds(), || claims(CORP, "ada"));
    let of = |name: &str, value: Value| corp.token(&with(good(), name, value));
    let typed = |typ: &str| {
        let header = json!({ "alg": "ES256", "kid": "corp-1", "typ": typ }).to_string();
        corp.sign(&header, &good().to_string())
    };
    let table = [
        (SigningKey::p256("corp-1").token(&good()), "wrong_signature"),
        (partner.token(&good()), "unknown_key"),
        (ci.token(&good()), "unknown_key"),
        (partner.token(&with(claims(PARTNER, "ada"), "iss", json!(null))), "unknown_issuer"),
        (of("iss", json!("https://login.corp.example/")), "unknown_issuer"),
        (of("aud", json!("jeton-cli")), "wrong_audience"),
        (of("aud", json!(HERE)), "wrong_audience"),
        (of("aud", json!(["web-app", "other"])), "wrong_audience"),
        (of("aud", json!([])), "wrong_audience"),
        (of("azp", json!("other")), "wrong_audience"),
        (of("azp", json!(["web-app", "other"])), "wrong_audience"),
        (of("azp", json!(7)), "wrong_audience"),
        (
            corp.token(&with(
                with(good(), "aud", json!(["web-app", "web-app"])),
                "azp",
                json!(null),
            )),
            "wrong_audience",
        ),
        (of("exp", json!(now - 1)), "unreadable_assertion"),
        (
            corp.token(&with(with(good(), "iat", json!(now - 900)), "exp", json!(now - 60))),
            "expired_assertion",
        ),
        (of("iat", json!(null)), "unreadable_assertion"),
        (of("iat", json!(now + 120)), "early_assertion"),
        (of("exp", json!(now + 3_700)), "long_assertion"),
        (of("sub", json!(null)), "unreadable_assertion"),
        (of("sub", json!("x".repeat(256))), "unreadable_assertion"),
        (of("preferred_username", json!(null)), "unusable_claim"),
        (of("preferred_username", json!("a\u{202e}b")), "unusable_claim"),
        (of("email", json!("x".repeat(600))), "unusable_claim"),
        (of("preferred_username", json!("Alice")), "name_taken"),
        // Other tokens that the same key signs.
        (of("typ", json!("Bearer")), "wrong_media_type"),
        (of("typ", json!("Logout")), "wrong_media_type"),
        (of("token_use", json!("access")), "wrong_media_type"),
        (of("scope", json!("openid")), "wrong_media_type"),
        (of("events", json!({ "logout": {} })), "wrong_media_type"),
        (typed("at+jwt"), "wrong_media_type"),
        (typed("logout+jwt"), "wrong_media_type"),
        (typed("client-authentication+jwt"), "wrong_media_type"),
        ("not a token".to_owned(), "unreadable_assertion"),
    ];
    for (token, expected) in &table {
        let refused = log_in(&web, token).await.map(drop);
        assert!(refused.is_err(), "{expected}");
        let status = assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
        assert_eq!(
            status.message(),
            "the credentials or token are invalid, expired or revoked",
            "{expected}"
        );
    }
    let expected: Vec<_> = table.iter().map(|(_, cause)| *cause).collect();
    assert_eq!(world.causes(table.len()).await, expected);

    // A client without the grant type, and one that is no application of the issuer.
    let refused = server.caller("shop").await.issue(shown(&corp.token(&good()))).await;
    assert_refused(refused, Code::PermissionDenied, "UNAUTHORIZED_CLIENT");
    let refused = web.issue(shown("")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    log_in(&world.cli().await, &corp.token(&good())).await.expect_err("made for web-app");
    log_in(&web, &corp.token(&good())).await.expect("a good one");
    // It authenticates no client.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &*corp.token(&good())),
    ];
    let (status, answer) = post(server, "/oauth/token", &form).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    let log = server.log();
    for (token, _) in table.iter().filter(|(token, _)| token.contains('.')) {
        assert!(token.split('.').skip(1).all(|part| !log.contains(part)), "in the log");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn an_id_token_is_good_once_also_at_the_same_time_and_after_a_restart() {
    let mut world = World::start().await;
    let web = world.web().await;
    let token = world.corp.token(&claims(CORP, "ada"));
    let attempts = (0..8).map(|_| log_in(&web, &token));
    let outcomes = futures_util::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(world.causes(7).await, ["replayed_assertion"; 7]);
    let home = world.server.stop().await;
    world.server = Server::start_at(home, &world.settings).await;
    world.knows_the_keys().await;
    log_in(&world.web().await, &token).await.expect_err("shown before");
    assert_eq!(world.causes(8).await.last().map(String::as_str), Some("replayed_assertion"));
    world.server.stop().await;
}

#[tokio::test]
async fn of_first_logins_at_the_same_time_one_makes_the_user_and_all_are_the_user() {
    let world = World::start().await;
    let (web, gateway) = (world.web().await, world.server.caller("gateway").await);
    let tokens: Vec<_> = (0..8).map(|_| world.corp.token(&claims(CORP, "ada"))).collect();
    let outcomes = tokens.iter().map(|token| log_in(&web, token));
    let mut subjects = Vec::new();
    for outcome in futures_util::future::join_all(outcomes).await {
        let token = outcome.expect("a login").access_token;
        subjects.push(gateway.introspect(&token).await.subject);
    }
    subjects.dedup();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_local_account_is_never_taken_over_and_is_linked_by_an_administrator_alone() {
    let world = World::start().await;
    let World { corp, partner, server, .. } = &world;
    let (web, admin) = (world.web().await, Admin::of(server).await);
    let before = admin.user("alice").await.expect("alice");
    for name in ["alice", " ALICE ", "ａｌｉｃｅ"] {
        let claims = with(claims(CORP, "mallory"), "preferred_username", json!(name));
        log_in(&web, &corp.token(&claims)).await.expect_err(name);
    }
    assert_eq!(world.causes(3).await, ["name_taken"; 3]);
    assert_eq!(admin.user("alice").await.expect("alice"), before);

    let linked = link(&admin, "alice", &[identity("corp", "a1"), identity("partner", "77")]).await;
    assert!(linked.expect("linked").has_password);
    let gateway = server.caller("gateway").await;
    for token in [corp.token(&claims(CORP, "a1")), partner.token(&claims(PARTNER, "77"))] {
        let tokens = log_in(&web, &token).await.expect("a login");
        assert_eq!(gateway.introspect(&tokens.access_token).await.subject, before.user_id);
    }
    server.caller("shop").await.log_in().await;
    let taken = link(&admin, "bob", &[identity("corp", "a1")]).await;
    assert_refused(taken, Code::AlreadyExists, "ALREADY_EXISTS");
    let twice = link(&admin, "bob", &[identity("corp", "b"), identity("corp", "b")]).await;
    assert_refused(twice, Code::InvalidArgument, "INVALID_REQUEST");
    world.server.stop().await;
}

#[tokio::test]
async fn disabling_unlinking_and_deleting_end_what_an_id_token_began() {
    let world = World::start().await;
    let World { corp, server, .. } = &world;
    let (web, admin) = (world.web().await, Admin::of(server).await);
    let gateway = server.caller("gateway").await;
    let login = async || log_in(&web, &corp.token(&claims(CORP, "ada"))).await;
    let first = login().await.expect("a login");
    let user_id = admin.user_id("ada").await;
    let disable = DisableUserRequest { user_id: user_id.clone() };
    admin.stub.clone().disable_user(admin.signed(disable)).await.expect("disabled");
    assert!(!gateway.is_active(&first.access_token).await);
    login().await.expect_err("disabled");
    let enable = EnableUserRequest { user_id: user_id.clone() };
    admin.stub.clone().enable_user(admin.signed(enable)).await.expect("enabled");
    assert!(!gateway.is_active(&first.access_token).await, "it had ended");
    let second = login().await.expect("a login");
    link(&admin, "ada", &[identity("corp", "ada"), identity("partner", "7")])
        .await
        .expect("linked");
    assert!(gateway.is_active(&second.access_token).await, "one more changes nothing");
    link(&admin, "ada", &[identity("partner", "7")]).await.expect("unlinked");
    assert!(!gateway.is_active(&second.access_token).await);
    web.refresh(&second.refresh_token).await.expect_err("ended");
    login().await.expect_err("the name is hers still");
    assert_eq!(world.causes(2).await, ["disabled_user", "name_taken"]);
    link(&admin, "ada", &[identity("corp", "ada")]).await.expect("linked again");
    let third = login().await.expect("a login");
    web.revoke(&third.access_token).await.expect("revoked");
    assert!(!gateway.is_active(&third.access_token).await);
    world.server.stop().await;
}

#[tokio::test]
async fn a_lockout_after_wrong_passwords_keeps_nobody_from_logging_in_with_an_id_token() {
    let world = World::start().await;
    let World { corp, server, .. } = &world;
    let (web, admin, shop) =
        (world.web().await, Admin::of(server).await, server.caller("shop").await);
    link(&admin, "bob", &[identity("corp", "b0b")]).await.expect("linked");
    let wrong = || {
        let mut request = by_password("bob");
        if let Some(Grant::Password(grant)) = &mut request.grant {
            "wrong".clone_into(&mut grant.password);
        }
        request
    };
    let mut locked = false;
    for _ in 0..10 {
        let refused = shop.issue(wrong()).await.expect_err("wrong");
        locked |= refused.code() == Code::ResourceExhausted;
    }
    assert!(locked);
    log_in(&web, &corp.token(&claims(CORP, "b0b"))).await.expect("a login");
    world.server.stop().await;
}

/// Calls of administration with a person's access token.
struct Bearer {
    stub: AdminServiceClient<tonic::transport::Channel>,
    token: String,
}

impl Bearer {
    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let header = format!("Bearer {}", self.token).parse().expect("ASCII");
        request.metadata_mut().insert("authorization", header);
        request
    }

    async fn lists_clients(&self) -> Result<(), Status> {
        let request = self.signed(ListClientsRequest::default());
        self.stub.clone().list_clients(request).await.map(drop)
    }

    async fn lists_users(&self) -> Result<(), Status> {
        let request = self.signed(ListUsersRequest::default());
        self.stub.clone().list_users(request).await.map(drop)
    }
}

#[tokio::test]
async fn a_person_administers_by_a_group_for_as_long_as_the_issuer_states_it() {
    let world = World::start().await;
    let World { corp, server, .. } = &world;
    let cli = world.cli().await;
    let stub = AdminServiceClient::new(server.connect().await);
    let id_token =
        |groups: Value| corp.token(&for_cli(with(claims(CORP, "ada"), "groups", groups)));
    let bearer = |tokens: &IssueTokenResponse| Bearer {
        stub: stub.clone(),
        token: tokens.access_token.clone(),
    };
    let admins = || id_token(json!(["staff", "jeton-admins"]));
    let ada = bearer(&for_jeton(&cli, &admins()).await);
    ada.lists_clients().await.expect("an administrator");
    let request = GetUserRequest { name: Some(Name::Username("ada".to_owned())) };
    let user = ada.stub.clone().get_user(ada.signed(request)).await.expect("an answer");
    let user = user.into_inner().user.expect("herself");
    assert_eq!(user.permissions.len(), 1);
    let end = user.permissions_expire_time.expect("an end").seconds;
    let now = i64::try_from(seconds()).expect("a time");
    assert!((now + 3_500..=now + 3_700).contains(&end), "{end}");

    // Every action is hers in the audit.
    let create = CreateUserRequest {
        user: Some(User {
            username: "eve".to_owned(),
            identities: vec![identity("partner", "e")],
            ..User::default()
        }),
        ..Default::default()
    };
    ada.stub.clone().create_user(ada.signed(create)).await.expect("created without a password");
    until("the audit has it", async || {
        let text = fs::read_to_string(&world.audit).expect("the audit");
        text.lines()
            .any(|line| line.contains(r#""action":"create user""#) && line.contains(&user.user_id))
    })
    .await;

    // A token that was not asked for jeton, and calls that are not administration.
    let plain = log_in(&cli, &admins()).await.expect("a token");
    assert_refused(bearer(&plain).lists_clients().await, Code::Unauthenticated, "INVALID_TOKEN");
    let introspect = IntrospectRequest { token: plain.access_token.clone(), ..Default::default() };
    let refused = cli.stub.clone().introspect(ada.signed(introspect)).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");

    // The claim says less, and then nothing: of the token from before, too.
    let support = bearer(&for_jeton(&cli, &id_token(json!("jeton-support"))).await);
    for token in [&support, &ada] {
        token.lists_users().await.expect("a part");
        assert_refused(token.lists_clients().await, Code::PermissionDenied, "ACCESS_DENIED");
    }
    let nobody = bearer(&for_jeton(&cli, &id_token(json!(["staff"]))).await);
    for token in [&nobody, &support, &ada] {
        assert_refused(token.lists_users().await, Code::Unauthenticated, "INVALID_TOKEN");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_permission_counts_while_the_settings_let_the_issuer_give_it_and_no_password_gets_it() {
    let mut world = World::start().await;
    let cli = world.cli().await;
    let admins = json!(["jeton-admins"]);
    let id_token = for_cli(with(claims(CORP, "ada"), "groups", admins));
    let tokens = for_jeton(&cli, &world.corp.token(&id_token)).await;
    let admin = Admin::of(&world.server).await;
    let ada = async |server: &Server| Bearer {
        stub: AdminServiceClient::new(server.connect().await),
        token: tokens.access_token.clone(),
    };
    ada(&world.server).await.lists_clients().await.expect("an administrator");

    // A client that takes passwords speaks for no administrator.
    let grants = |types: &[GrantType]| Client {
        client_id: "cli".to_owned(),
        grant_types: types.iter().map(|one| (*one).into()).collect(),
        audience: vec!["billing".to_owned(), "jeton".to_owned()],
        ..Default::default()
    };
    let refused = admin
        .update_client(grants(&[GrantType::JwtBearer, GrantType::Password]), &["grant_types"])
        .await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let refused = admin.update_client(grants(&[]), &["grant_types"]).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");

    let home = world.server.stop().await;
    let less = USERS
        .replace("jeton-admins", "others")
        .replace(r#"allow = ["admin"]"#, r#"allow = ["backup"]"#);
    let settings = world.settings.clone().declare("corp", "users", &less);
    world.server = Server::start_at(home, &settings).await;
    let refused = ada(&world.server).await.lists_clients().await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_TOKEN");
    world.server.stop().await;
}

#[tokio::test]
async fn while_the_keys_are_out_of_reach_nobody_is_refused_as_wrong() {
    let world = World::start().await;
    let settings = world.settings.clone();
    let home = world.server.stop().await;
    let settings = settings.undeclare("corp", "jwks_file");
    let settings = settings.declare("corp", "jwks_url", r#""http://127.0.0.1:1/keys""#);
    let server = Server::start_at(home, &settings).await;
    server.logs("the keys of the issuer cannot be read").await;
    let web = server.caller("web").await;
    let refused = log_in(&web, &world.corp.token(&claims(CORP, "ada"))).await;
    assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    server.stop().await;
}

#[tokio::test]
async fn an_id_token_is_exchanged_once_for_a_token_of_its_user_that_ends_with_it() {
    let world = World::start().await;
    let (web, gateway) = (world.web().await, world.server.caller("gateway").await);
    let ada = world.corp.token(&claims(CORP, "ada"));
    let issued = web.issue(exchanged(&ada)).await.expect("exchanged");
    assert_eq!(issued.issued_token_type, "urn:ietf:params:oauth:token-type:access_token");
    assert!(issued.refresh_token.is_empty() && issued.scopes == ["read", "write"]);
    // The clocks of two parties may differ by a minute.
    assert!(issued.expires_in <= 300 + 60, "{}", issued.expires_in);
    let known = gateway.introspect(&issued.access_token).await;
    let expected = ("ada", "web", &["ledger".to_owned()][..], &["web".to_owned()][..]);
    assert_eq!(
        (&*known.username, &*known.client_id, &known.audience[..], &known.actors[..]),
        expected
    );
    assert!(known.active && known.ancestors.is_empty());
    assert_eq!(known.attributes["email"], "ada@corp.example");

    // The same user as of a login, by another ID token; narrower if that is asked.
    let next = world.corp.token(&claims(CORP, "ada"));
    let login = log_in(&web, &next).await.expect("a login");
    assert_eq!(gateway.introspect(&login.access_token).await.subject, known.subject);
    let third = world.corp.token(&claims(CORP, "ada"));
    let asked = IssueTokenRequest { scopes: vec!["read".into()], ..exchanged(&third) };
    assert_eq!(web.issue(asked).await.expect("narrower").scopes, ["read"]);

    let fourth = world.corp.token(&claims(CORP, "ada"));
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", &*fourth),
        ("subject_token_type", ID_TOKEN),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let (status, answer) = post(&world.server, "/oauth/token", &form).await;
    assert_eq!((status, answer.get("refresh_token")), (200, None), "{answer}");
    let (status, answer) = post(&world.server, "/oauth/token", &form).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "shown before");

    // What no login is made of makes no exchange, nor what a login was made of.
    let unlinked = world.partner.token(&claims(PARTNER, "carol"));
    let elsewhere = world.corp.token(&for_cli(claims(CORP, "ada")));
    for refused in [&ada, &next, &elsewhere, &unlinked, &login.access_token, "garbage"] {
        assert_refused(
            web.issue(exchanged(refused)).await,
            Code::InvalidArgument,
            "INVALID_REQUEST",
        );
    }
    let causes = world.causes(7).await;
    let replayed = "replayed_assertion";
    assert_eq!(causes[..5], [replayed, replayed, replayed, "wrong_audience", "unknown_user"]);
    assert_refused(log_in(&web, &third).await, Code::Unauthenticated, "INVALID_GRANT");
    let beyond = IssueTokenRequest {
        audience: vec!["billing".into()],
        ..exchanged(&world.corp.token(&claims(CORP, "ada")))
    };
    assert_refused(web.issue(beyond).await, Code::InvalidArgument, "INVALID_TARGET");

    let admin = Admin::of(&world.server).await;
    let request = DisableUserRequest { user_id: known.subject };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");
    assert!(!gateway.is_active(&issued.access_token).await, "it ends with its user");
    world.server.stop().await;
}
