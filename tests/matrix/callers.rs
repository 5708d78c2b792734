//! Every kind of caller, and the answers to each.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jeton::proto::v1::{
    Client, ClientType, CreateClientRequest, DeleteClientRequest, GrantType, IssueTokenRequest,
    Permission, RotateClientSecretRequest,
};

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::{Caller as Stub, by_password, client_credentials, for_jeton},
        server::Server,
        settings::{Settings, Table},
        wait::until,
    },
    rpcs::Access,
};

/// Answer to a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// It is let in.
    In,
    /// It is refused, for this reason.
    Refused(&'static str),
}

/// One kind of caller.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    /// The `authorization` headers that it sends.
    pub(crate) authorization: Vec<String>,
    /// Answers to clients, readers and administrators, if they are let in.
    told: [Told; 3],
    /// The part of administration that it has.
    permission: &'static str,
}

impl Caller {
    pub(crate) fn told(&self, access: Access) -> Told {
        let [client, reader, admin] = self.told;
        match access {
            Access::Open => Told::In,
            Access::Client => client,
            Access::Reader => reader,
            Access::Admin(permissions) if permissions.contains(&self.permission) => Told::In,
            Access::Admin(_) => admin,
        }
    }
}

const INVALID_CLIENT: Told = Told::Refused("INVALID_CLIENT");
const INVALID_TOKEN: Told = Told::Refused("INVALID_TOKEN");
const ACCESS_DENIED: Told = Told::Refused("ACCESS_DENIED");

/// Not one of the clients that there are.
const STRANGER: [Told; 3] = [INVALID_CLIENT; 3];
/// A bearer is no client authentication, and this one is no good either.
const BAD_BEARER: [Told; 3] = [INVALID_CLIENT, INVALID_TOKEN, INVALID_TOKEN];
/// A bearer that reads.
const READER: [Told; 3] = [INVALID_CLIENT, Told::In, ACCESS_DENIED];

/// `shop` may do what clients may, `root` administers, `former` did.
pub(crate) fn settings() -> Settings {
    let former = Table::confidential("former").toml("permissions", r#"["admin"]"#);
    PARTS.into_iter().fold(with_admin().and(former), |settings, (id, permission)| {
        let holder = Table::confidential(id).toml("permissions", &format!("[{permission:?}]"));
        settings.and(holder)
    })
}

/// Clients with a part of administration, and which.
const PARTS: [(&str, &str); 5] = [
    ("backups", "backup"),
    ("monitor", "status"),
    ("auditor", "audit.read"),
    ("support", "users"),
    ("curious", "inactive_reason"),
];

/// An `authorization` header with a client's secret.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Brings every kind of caller about.
pub(crate) async fn callers(server: &Server) -> Vec<Caller> {
    let mut callers = vec![
        ("no caller", vec![], STRANGER),
        ("an unknown client", vec![basic("nobody", "root-secret")], STRANGER),
        ("a wrong secret", vec![basic("root", "wrong-secret")], STRANGER),
        ("no secret", vec![basic("root", "")], STRANGER),
        ("another scheme", vec!["Digest root:root-secret".to_owned()], STRANGER),
        ("a public client", vec![basic("app", "")], [Told::In, INVALID_CLIENT, INVALID_CLIENT]),
        ("a secret of a public client", vec![basic("app", "app-secret")], STRANGER),
        ("a client", vec![basic("shop", "shop-secret")], [Told::In, Told::In, ACCESS_DENIED]),
        ("an administrator", vec![basic("root", "root-secret")], [Told::In; 3]),
        (
            "two at once",
            vec![basic("root", "root-secret"), basic("shop", "shop-secret")],
            [Told::Refused("INVALID_REQUEST"); 3],
        ),
        ("a bearer that is no token", vec![bearer("jat_x")], BAD_BEARER),
    ];
    callers.extend(with_bearers(server).await);
    callers.extend(with_ended_secrets(server).await);
    let caller = |(name, authorization, told)| Caller { name, authorization, told, permission: "" };
    callers.into_iter().map(caller).chain(with_parts(server).await).collect()
}

/// Each client with a part of administration, by its secret and by a bearer of its own.
async fn with_parts(server: &Server) -> Vec<Caller> {
    let mut callers = Vec::new();
    for (name, permission) in PARTS {
        let told = [Told::In, Told::In, ACCESS_DENIED];
        let authorization = vec![basic(name, &format!("{name}-secret"))];
        callers.push(Caller { name, authorization, told, permission });
        let token = server.caller(name).await.issue(for_jeton()).await.expect("a token");
        let authorization = vec![bearer(&token.access_token)];
        callers.push(Caller { name, authorization, told: READER, permission });
    }
    callers
}

type Row = (&'static str, Vec<String>, [Told; 3]);

async fn with_bearers(server: &Server) -> Vec<Row> {
    let root = server.caller("root").await;
    let shop = server.caller("shop").await;
    let app = server.caller("app").await;
    let former = server.caller("former").await;
    let own = async |caller: &Stub, request: IssueTokenRequest| {
        caller.issue(request).await.expect("a token").access_token
    };
    let admins = own(&root, for_jeton()).await;
    let clients = own(&shop, for_jeton()).await;
    let disabled = own(&former, for_jeton()).await;
    let revoked = own(&root, for_jeton()).await;
    root.revoke(&revoked).await.expect("revoked");
    let elsewhere = own(&root, client_credentials()).await;
    let of_user = IssueTokenRequest { audience: for_jeton().audience, ..by_password("alice") };
    let of_user = root.issue(of_user).await.expect("a pair");
    let at_public_client = own(&app, by_password("alice")).await;
    let second = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let expired = IssueTokenRequest { ttl: second, ..for_jeton() };
    let expired = own(&root, expired).await;
    until("the token to expire", async || !root.is_active(&expired).await).await;
    Admin::of(server).await.set_disabled("former", true).await;
    vec![
        ("an administrator's bearer", vec![bearer(&admins)], [INVALID_CLIENT, Told::In, Told::In]),
        ("a client's bearer", vec![bearer(&clients)], READER),
        ("an administrator's user", vec![bearer(&of_user.access_token)], BAD_BEARER),
        ("a public client's user", vec![bearer(&at_public_client)], BAD_BEARER),
        ("a revoked bearer", vec![bearer(&revoked)], BAD_BEARER),
        ("an expired bearer", vec![bearer(&expired)], BAD_BEARER),
        ("a bearer for other services", vec![bearer(&elsewhere)], BAD_BEARER),
        ("a refresh token as bearer", vec![bearer(&of_user.refresh_token)], BAD_BEARER),
        ("a disabled client's bearer", vec![bearer(&disabled)], BAD_BEARER),
        ("a disabled client", vec![basic("former", "former-secret")], STRANGER),
        (
            "a bearer beside a secret",
            vec![bearer(&admins), basic("root", "root-secret")],
            [Told::Refused("INVALID_REQUEST"); 3],
        ),
    ]
}

/// Administrators whose secrets were good once.
async fn with_ended_secrets(server: &Server) -> Vec<Row> {
    let admin = Admin::of(server).await;
    let client = |client_id: &str| Client {
        client_id: client_id.to_owned(),
        client_type: ClientType::Confidential.into(),
        grant_types: vec![GrantType::ClientCredentials.into(), GrantType::RefreshToken.into()],
        permissions: vec![Permission::Admin.into()],
        ..Client::default()
    };
    let (_, deleted) = admin.create_client(client("deleted")).await;
    let request = DeleteClientRequest { client_id: "deleted".to_owned(), ..Default::default() };
    admin.stub.clone().delete_client(admin.signed(request)).await.expect("deleted");

    let (_, replaced) = admin.create_client(client("rotated")).await;
    let at_once = RotateClientSecretRequest {
        client_id: "rotated".to_owned(),
        previous_ttl: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let newest = admin.rotate(at_once).await.expect("rotated").client_secret;

    let soon = Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 });
    let request = CreateClientRequest {
        client: Some(client("expired")),
        secret_ttl: soon,
        ..Default::default()
    };
    let answer = admin.stub.clone().create_client(admin.signed(request)).await;
    let expired = answer.expect("a client").into_inner().client_secret;
    until("the secret to expire", async || admin.client("expired").await.secrets.is_empty()).await;
    vec![
        ("a deleted client", vec![basic("deleted", &deleted)], STRANGER),
        ("a replaced secret", vec![basic("rotated", &replaced)], STRANGER),
        ("the secret in its place", vec![basic("rotated", &newest)], [Told::In; 3]),
        ("an expired secret", vec![basic("expired", &expired)], STRANGER),
    ]
}
