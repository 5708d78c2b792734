//! Administering clients: what is created works, what is changed is changed and nothing else, what
//! is disabled or deleted is refused everywhere.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::collections::HashMap;

use jeton::proto::v1::{
    AccessTokenFormat, BoundTo, Client, ClientIdentity, ClientKey, ClientType, CreateClientRequest,
    DeleteClientRequest, GrantLimit, GrantType, IntrospectReach, ListClientsRequest, Permission,
    RequestLimit, WhenFull,
};
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
};

/// A client with something in every field.
fn full() -> Client {
    let duration = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    Client {
        client_id: "orders".to_owned(),
        client_type: ClientType::Confidential.into(),
        grant_types: vec![
            GrantType::Password.into(),
            GrantType::ClientCredentials.into(),
            GrantType::RefreshToken.into(),
        ],
        scopes: vec!["write".to_owned(), "read".to_owned()],
        allowed_scopes: ["read", "write", "audit"].map(str::to_owned).to_vec(),
        audience: vec!["billing".to_owned()],
        access_token_ttl: duration(60),
        refresh_token_ttl: duration(3600),
        grant_ttl: duration(7200),
        grant_limit: Some(GrantLimit { max: 5, when_full: WhenFull::Refuse.into() }),
        request_limit: Some(RequestLimit { per_second: 100, burst: 500 }),
        certificates: vec!["dns:orders.example".to_owned(), "uri:spiffe://a/orders".to_owned()],
        introspect: IntrospectReach::Audience.into(),
        permissions: vec![Permission::InactiveReason.into()],
        attributes: HashMap::from([("team".to_owned(), "payments".to_owned())]),
        access_token_format: AccessTokenFormat::Opaque.into(),
        may_exchange_to: vec!["ledger".to_owned()],
        may_act: vec!["billing".to_owned()],
        ..Client::default()
    }
}

/// The client that an administrator has just made.
async fn as_caller(server: &Server, id: &str, secret: &str) -> Caller {
    let caller = server.caller("shop").await;
    Caller { id: id.to_owned(), secret: secret.to_owned(), ..caller }
}

#[tokio::test]
async fn a_created_client_is_answered_as_it_was_asked_for_and_works_at_once() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let (client, secret) = admin.create_client(full()).await;
    assert!(secret.starts_with("jcs_") && secret.len() == 48);
    let [described] = &*client.secrets else { panic!("one secret") };
    assert!(described.generated && described.expire_time.is_none());
    assert_eq!(client.create_time, client.update_time);
    let expected = Client {
        secrets: client.secrets.clone(),
        create_time: client.create_time,
        update_time: client.update_time,
        etag: client.etag.clone(),
        ..full()
    };
    assert_eq!(client, expected);
    assert_eq!(admin.client("orders").await, client);

    let orders = as_caller(&server, "orders", &secret).await;
    let issued = orders.issue(by_password("alice")).await.expect("a token");
    assert_eq!((issued.expires_in, issued.scopes), (60, vec!["write".into(), "read".into()]));
    let answer = orders.introspect(&issued.access_token).await;
    assert_eq!(
        (answer.audience, &*answer.attributes["team"]),
        (vec!["billing".into()], "payments")
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_left_out_has_its_default() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let scopes = vec!["read".to_owned()];
    let small = Client { client_id: "small".into(), scopes, ..Client::default() };
    let (client, _) = admin.create_client(small).await;
    assert_eq!(client.client_type(), ClientType::Confidential);
    assert_eq!(client.allowed_scopes, ["read"]);
    assert_eq!(client.access_token_ttl.expect("a duration").seconds, 15 * 60);
    assert_eq!(client.grant_ttl.expect("a duration").seconds, 90 * 24 * 60 * 60);
    assert_eq!(client.grant_limit.expect("a limit").max, 100);
    assert_eq!((client.request_limit, client.introspect()), (None, IntrospectReach::Own));
    server.stop().await;
}

#[tokio::test]
async fn a_chosen_secret_is_not_shown_and_a_public_client_has_none() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let client = Client { client_id: "chosen".into(), ..full() };
    let client_secret = "violet tram 84 linden".to_owned();
    let client = Some(client);
    let request = CreateClientRequest { client, client_secret, ..Default::default() };
    let answer = admin.stub.clone().create_client(admin.signed(request.clone())).await;
    let answer = answer.expect("a client").into_inner();
    assert_eq!(answer.client_secret, "");
    assert!(!answer.client.expect("the client").secrets[0].generated);
    let chosen = as_caller(&server, "chosen", "violet tram 84 linden").await;
    chosen.issue(client_credentials()).await.expect("a token");

    let client_type = ClientType::Public.into();
    let client = Client { client_id: "page".into(), client_type, ..Client::default() };
    let with_secret = CreateClientRequest { client: Some(client.clone()), ..request };
    let refused = admin.stub.clone().create_client(admin.signed(with_secret)).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let grant_types = vec![GrantType::Password.into()];
    let (client, secret) = admin.create_client(Client { grant_types, ..client }).await;
    assert_eq!((secret.as_str(), client.secrets.len()), ("", 0));
    as_caller(&server, "page", "").await.log_in().await;
    server.stop().await;
}

const PUBLIC_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const SYMMETRIC: &str = r#"{"kty":"oct","k":"c2VjcmV0"}"#;

fn identity(issuer: &str, subject: &str) -> ClientIdentity {
    let [issuer, subject] = [issuer, subject].map(str::to_owned);
    ClientIdentity { issuer, subject, uid: String::new() }
}

fn key(jwk: &str) -> ClientKey {
    ClientKey { jwk: jwk.to_owned(), ..ClientKey::default() }
}

#[tokio::test]
async fn a_client_without_a_secret_needs_another_way_and_keeps_one() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let create = async |client: Client, chosen: &str| {
        let request = CreateClientRequest {
            client: Some(client),
            no_secret: true,
            client_secret: chosen.to_owned(),
            ..Default::default()
        };
        admin.stub.clone().create_client(admin.signed(request)).await
    };
    let bare = Client { certificates: vec![], ..full() };
    let refused = create(bare.clone(), "").await.map(drop);
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let vouched =
        Client { identities: vec![identity("prod", "a")], keys: vec![key(PUBLIC_KEY)], ..bare };
    let refused = create(vouched.clone(), "correct horse battery").await.map(drop);
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");

    let made = create(vouched, "").await.expect("a client").into_inner();
    assert_eq!(made.client_secret, "");
    let made = made.client.expect("a client");
    assert!(made.secrets.is_empty());
    assert_eq!(made.identities, [identity("prod", "a")]);
    let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!((made.keys.len(), made.keys[0].thumbprint.as_str()), (1, thumbprint));
    let empty = Client { client_id: made.client_id, ..Client::default() };
    admin.update_client(empty.clone(), &["identities"]).await.expect("the key stays");
    let refused = admin.update_client(empty, &["keys"]).await.map(drop);
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    server.stop().await;
}

async fn create(admin: &Admin, client: Client) -> Result<(), Status> {
    let request = CreateClientRequest { client: Some(client), ..Default::default() };
    admin.stub.clone().create_client(admin.signed(request)).await.map(drop)
}

#[tokio::test]
async fn what_no_client_may_be_is_refused_by_field() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let public = Client {
        client_type: ClientType::Public.into(),
        grant_types: vec![],
        certificates: vec![],
        introspect: IntrospectReach::Own.into(),
        ..full()
    };
    let text = |text: &str| vec![text.to_owned()];
    let ttl = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let many = (0..33).map(|n| (n.to_string(), String::new())).collect();
    let many_identities = (0..17).map(|n| identity("prod", &n.to_string())).collect();
    let past = Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 });
    let ended = ClientKey { expire_time: past, ..key(PUBLIC_KEY) };
    let refused = vec![
        (Client { client_id: String::new(), ..full() }, "client.client_id"),
        (Client { client_id: "jeton".into(), ..full() }, "client.client_id"),
        (Client { client_id: "usr_a".into(), ..full() }, "client.client_id"),
        (Client { client_type: 9, ..full() }, "client.client_type"),
        (Client { grant_types: vec![0], ..full() }, "client.grant_types"),
        (Client { scopes: text("other"), ..full() }, "client.scopes"),
        (Client { allowed_scopes: text("a b"), ..full() }, "client.allowed_scopes"),
        (Client { audience: text(""), ..full() }, "client.audience"),
        (Client { access_token_ttl: ttl(7201), ..full() }, "client.access_token_ttl"),
        (Client { access_token_ttl: ttl(0), ..full() }, "client.access_token_ttl"),
        (Client { refresh_token_ttl: ttl(-1), ..full() }, "client.refresh_token_ttl"),
        (Client { grant_ttl: ttl(i64::MAX), ..full() }, "client.grant_ttl"),
        (Client { certificates: text("dns:*"), ..full() }, "client.certificates"),
        (Client { identities: vec![identity("", "a")], ..full() }, "client.identities"),
        (Client { identities: vec![identity("prod", "")], ..full() }, "client.identities"),
        (Client { identities: many_identities, ..full() }, "client.identities"),
        (Client { keys: vec![key(SYMMETRIC)], ..full() }, "client.keys"),
        (Client { keys: vec![key(PUBLIC_KEY), key(PUBLIC_KEY)], ..full() }, "client.keys"),
        (Client { keys: vec![ended], ..full() }, "client.keys"),
        (Client { introspect: 9, ..full() }, "client.introspect"),
        (Client { permissions: vec![0], ..full() }, "client.permissions"),
        (Client { attributes: many, ..full() }, "client.attributes"),
        (Client { grant_types: vec![3], ..public.clone() }, "client.grant_types"),
        (Client { certificates: text("dns:a"), ..public.clone() }, "client.certificates"),
        (Client { identities: vec![identity("prod", "a")], ..public.clone() }, "client.identities"),
        (Client { keys: vec![key(PUBLIC_KEY)], ..public.clone() }, "client.keys"),
        (Client { permissions: vec![1], ..public.clone() }, "client.permissions"),
        (Client { introspect: 2, ..public.clone() }, "client.introspect"),
        (Client { introspect: 3, ..public.clone() }, "client.introspect"),
        (Client { audience: text("jeton"), ..public.clone() }, "client.audience"),
        (Client { grant_types: vec![5], ..public.clone() }, "client.grant_types"),
        (Client { may_exchange_to: text("jeton"), ..full() }, "client.may_exchange_to"),
        (Client { may_act: text("a b"), ..full() }, "client.may_act"),
        (Client { bound_to: 9, ..full() }, "client.bound_to"),
    ];
    for (client, field) in refused {
        let refused = create(&admin, client).await;
        let status = assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with(&format!("{field}:")), "{}", status.message());
    }
    create(&admin, public).await.expect("a public client");
    let again = create(&admin, full()).await;
    assert_refused(again, Code::AlreadyExists, "ALREADY_EXISTS");
    server.stop().await;
}

#[tokio::test]
async fn what_tokens_are_bound_to_is_given_and_taken() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let bound = Client { bound_to: BoundTo::Identity.into(), ..full() };
    let (client, secret) = admin.create_client(bound).await;
    assert_eq!(client.bound_to(), BoundTo::Identity);
    let orders = as_caller(&server, "orders", &secret).await;
    // There are no certificates here.
    let refused = orders.issue(by_password("alice")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let free = Client { bound_to: 0, ..client };
    let client = admin.update_client(free, &["bound_to"]).await.expect("changed");
    assert_eq!(client.bound_to(), BoundTo::Unspecified);
    orders.issue(by_password("alice")).await.expect("a token");
    server.stop().await;
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let (before, secret) = admin.create_client(full()).await;
    let orders = as_caller(&server, "orders", &secret).await;
    let grant = orders.log_in().await;
    let wanted = Client {
        client_id: "orders".into(),
        audience: vec!["other".into()],
        attributes: HashMap::from([("team".to_owned(), "sales".to_owned())]),
        ..Client::default()
    };
    let fields = ["attributes", "request_limit", "access_token_ttl"];
    let after = admin.update_client(wanted, &fields).await.expect("changed");
    assert_ne!(after.etag, before.etag);
    let expected = Client {
        attributes: HashMap::from([("team".to_owned(), "sales".to_owned())]),
        request_limit: None,
        access_token_ttl: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        update_time: after.update_time,
        etag: after.etag.clone(),
        ..before
    };
    assert_eq!(after, expected);
    let answer = orders.introspect(&grant.access_token).await;
    assert_eq!(answer.attributes["team"], "sales", "the grant lives on");

    for fields in
        [&["client_id"][..], &["client_type"], &["create_time"], &["grant_limit.max"], &["*"], &[]]
    {
        let wanted = Client { client_id: "orders".into(), ..Client::default() };
        let refused = admin.update_client(wanted, fields).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    assert_eq!(admin.client("orders").await, after);
    let nobody = Client { client_id: "nobody".into(), ..Client::default() };
    let refused = admin.update_client(nobody, &["disabled"]).await;
    assert_refused(refused, Code::NotFound, "NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn an_update_of_another_state_than_its_etag_is_refused() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let first = admin.client("shop").await;
    let mine = Client { audience: vec!["mine".into()], ..first.clone() };
    let second = admin.update_client(mine, &["audience"]).await.expect("changed");
    let theirs = Client { audience: vec!["theirs".into()], ..first };
    let refused = admin.update_client(theirs.clone(), &["audience"]).await;
    let status = assert_refused(refused, Code::Aborted, "CONFLICT");
    assert!(status.metadata().get("grpc-retry-pushback-ms").is_none(), "a retry is no help");
    assert_eq!(admin.client("shop").await, second);
    for etag in ["x", "00000000000x"] {
        let refused = admin
            .update_client(Client { etag: etag.into(), ..theirs.clone() }, &["audience"])
            .await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let current = Client { etag: second.etag, ..theirs.clone() };
    admin.update_client(current, &["audience"]).await.expect("changed");
    let blind = Client { etag: String::new(), ..theirs };
    admin.update_client(blind, &["audience"]).await.expect("whatever state it is in");
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_client_is_gone_with_its_grants_and_its_name_is_free() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let (_, secret) = admin.create_client(full()).await;
    let orders = as_caller(&server, "orders", &secret).await;
    let grant = orders.log_in().await;
    let request = DeleteClientRequest { client_id: "orders".into(), ..Default::default() };
    admin.stub.clone().delete_client(admin.signed(request.clone())).await.expect("deleted");
    let again = admin.stub.clone().delete_client(admin.signed(request)).await;
    assert_refused(again, Code::NotFound, "NOT_FOUND");
    let refused = orders.refresh(&grant.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    assert!(!server.caller("gateway").await.is_active(&grant.access_token).await);

    let (_, secret) = admin.create_client(full()).await;
    let orders = as_caller(&server, "orders", &secret).await;
    assert!(!orders.is_active(&grant.access_token).await, "another client of that name");
    let refused = orders.refresh(&grant.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    server.stop().await;
}

/// Every page of a list of clients.
async fn pages(admin: &Admin, mut request: ListClientsRequest) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let answer = admin.stub.clone().list_clients(admin.signed(request.clone())).await;
        let answer = answer.expect("a page").into_inner();
        pages.push(answer.clients.into_iter().map(|client| client.client_id).collect());
        if answer.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = answer.next_page_token;
    }
}

#[tokio::test]
async fn clients_are_listed_by_pages_and_filters() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    admin.set_disabled("rival", true).await;
    let standard = ["app", "billing", "gateway", "kiosk", "rival", "root", "shop"];
    let all = ListClientsRequest::default();
    assert_eq!(pages(&admin, all.clone()).await, [standard]);
    let by_three = ListClientsRequest { page_size: 3, ..all.clone() };
    let expected: Vec<&[&str]> = standard.chunks(3).collect();
    assert_eq!(pages(&admin, by_three.clone()).await, expected);
    for (request, expected) in [
        (
            ListClientsRequest { client_id_prefix: "r".into(), ..all.clone() },
            &["rival", "root"][..],
        ),
        (ListClientsRequest { permission: Permission::Admin.into(), ..all.clone() }, &["root"]),
        (ListClientsRequest { disabled_only: true, ..all.clone() }, &["rival"]),
        (ListClientsRequest { page_size: 5000, client_id_prefix: "x".into(), ..all }, &[]),
    ] {
        assert_eq!(pages(&admin, request).await.concat(), expected);
    }

    let first = admin.stub.clone().list_clients(admin.signed(by_three.clone())).await;
    let page_token = first.expect("a page").into_inner().next_page_token;
    let of_another_list =
        ListClientsRequest { disabled_only: true, page_token, ..by_three.clone() };
    let garbage = ListClientsRequest { page_token: "garbage".into(), ..by_three.clone() };
    let negative = ListClientsRequest { page_size: -1, ..by_three };
    for request in [of_another_list, garbage, negative] {
        let refused = admin.stub.clone().list_clients(admin.signed(request)).await;
        assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_the_largest_clients_fits_one_message() {
    let server = Server::start(&with_admin()).await;
    let admin = Admin::of(&server).await;
    let attributes = (0..32).map(|n| (format!("{n:064}"), "x".repeat(512))).collect();
    let large = Client { attributes, ..full() };
    for number in 0..80 {
        let client_id = format!("large-{number:02}");
        admin.create_client(Client { client_id, ..large.clone() }).await;
    }
    let all = ListClientsRequest {
        page_size: 1000,
        client_id_prefix: "large".into(),
        ..Default::default()
    };
    let pages = pages(&admin, all).await;
    assert!(pages.len() > 1, "1.5 MB are more than a message");
    assert_eq!(pages.concat().len(), 80);
    server.stop().await;
}

#[tokio::test]
async fn what_an_administrator_did_to_a_declared_client_survives_a_restart() {
    let settings = with_admin();
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let changed = Client {
        client_id: "shop".into(),
        scopes: vec!["audit".into()],
        disabled: false,
        ..Client::default()
    };
    let changed = admin.update_client(changed, &["scopes", "attributes"]).await.expect("changed");
    admin.set_disabled("rival", true).await;

    let server = Server::start_at(server.stop().await, &settings).await;
    let admin = Admin::of(&server).await;
    assert_eq!(admin.client("shop").await, changed);
    assert!(admin.client("rival").await.disabled);
    let settings = settings.declare("shop", "scopes", r#"["write"]"#);
    let server = Server::start_at(server.stop().await, &settings).await;
    let admin = Admin::of(&server).await;
    let shop = admin.client("shop").await;
    assert_eq!(shop.scopes, ["write"], "declared anew");
    assert!(shop.attributes.is_empty(), "not declared anew");
    server.stop().await;
}
