//! Two clusters of one `iss`, a client that is an account of the first, and files that are renewed as the
//! kubelet renews them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jeton::proto::v1::{IssueTokenRequest, IssueTokenResponse};
use serde_json::{Value, json};
use tonic::Status;

use crate::common::{
    admin::with_admin,
    caller::{Caller, client_credentials},
    home::Home,
    issuer::{SigningKey, jwks},
    now::seconds,
    server::Server,
    settings::Table,
    wait::until,
};

pub(crate) const HERE: &str = "https://tokens.example";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `iss` of every Kubernetes cluster of the defaults.
pub(crate) const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const ACCOUNT: &str = "system:serviceaccount:shop:orders";

/// Two clusters of one `iss`, and a client that is an account of the first.
pub(crate) struct World {
    pub(crate) prod: SigningKey,
    pub(crate) test: SigningKey,
    pub(crate) audit: PathBuf,
    pub(crate) server: Server,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (prod, test) = (SigningKey::p256("prod-1"), SigningKey::p256("test-1"));
        let home = Home::new();
        let audit = home.path().join("audit.jsonl");
        let identity =
            |uid: &str| format!(r#"[{{ issuer = "prod", subject = "{ACCOUNT}"{uid} }}]"#);
        let client = |id: &'static str, identities: &str| {
            let client = Table::client(id).toml("grants", r#"["client_credentials"]"#);
            client.toml("identities", identities)
        };
        let pinned = identity(r#", uid = "7c1b""#).replace("orders", "pinned");
        let settings = with_admin()
            .set("http", "issuer", HERE)
            .set("audit", "target", &format!("file:{}", audit.display()))
            .and(issuer(&home, "prod", &prod))
            .and(issuer(&home, "test", &test))
            .and(client("orders", &identity("")))
            .and(client("pinned", &pinned))
            .and(client("edge", &identity("").replace("orders", "edge")).text("introspect", "any"))
            .and(
                client("operator", &identity("").replace("orders", "operator"))
                    .toml("permissions", r#"["admin"]"#),
            );
        let server = Server::start_at(home, &settings).await;
        // They are read while the server serves.
        let read = || server.log().matches("the keys of the issuer were read").count();
        let instances = server.addresses().len();
        until("the keys of both", async || read() == 2 * instances).await;
        Self { prod, test, audit, server }
    }
}

pub(crate) fn issuer(home: &Home, name: &'static str, signer: &SigningKey) -> Table {
    let keys = home.path().join(format!("{name}.json"));
    fs::write(&keys, jwks([signer])).expect("written");
    let issuer = Table::issuer(name).text("issuer", CLUSTER);
    issuer.text("jwks_file", &keys.display().to_string())
}

/// Claims of a projected token of an account.
pub(crate) fn claims(account: &str, uid: &str) -> Value {
    let now = seconds();
    json!({
        "iss": CLUSTER, "sub": account, "aud": [HERE], "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "orders", "uid": uid } },
    })
}

pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

pub(crate) fn asserted(assertion: &str, client_id: &str) -> IssueTokenRequest {
    IssueTokenRequest {
        client_id: client_id.to_owned(),
        client_assertion: assertion.to_owned(),
        client_assertion_type: JWT_BEARER.to_owned(),
        ..client_credentials()
    }
}

pub(crate) async fn issue(
    shop: &Caller,
    assertion: &str,
    client_id: &str,
) -> Result<IssueTokenResponse, Status> {
    let answer = shop.stub.clone().issue_token(asserted(assertion, client_id)).await;
    answer.map(tonic::Response::into_inner)
}

/// A token of an account of the first cluster, good for ten minutes.
pub(crate) fn token(world: &World, account: &str) -> String {
    world.prod.token(&claims(&ACCOUNT.replace("orders", account), "7c1b"))
}

/// A projected volume: `token` is a link through `..data`, which the kubelet swaps.
pub(crate) struct Projected {
    directory: PathBuf,
    version: u32,
}

impl Projected {
    /// A volume in a directory that is there, without a token yet.
    pub(crate) fn at(directory: &Path) -> Self {
        let directory = directory.join("projected");
        fs::create_dir(&directory).expect("a directory");
        std::os::unix::fs::symlink("..data/token", directory.join("token")).expect("a link");
        Self { directory, version: 0 }
    }

    pub(crate) fn path(&self) -> String {
        self.directory.join("token").display().to_string()
    }

    /// Puts a token in place of the one before, as the kubelet does.
    pub(crate) fn put(&mut self, contents: &str) {
        self.version += 1;
        let version = format!("..version_{}", self.version);
        fs::create_dir(self.directory.join(&version)).expect("a directory");
        fs::write(self.directory.join(&version).join("token"), contents).expect("a token");
        let swapped = self.directory.join("..data_tmp");
        std::os::unix::fs::symlink(&version, &swapped).expect("a link");
        fs::rename(swapped, self.directory.join("..data")).expect("swapped");
    }

    /// Takes the token away.
    pub(crate) fn remove(&self) {
        fs::remove_file(self.directory.join("..data")).expect("it was there");
    }
}
