//! The endpoints over a service in memory, made again before it has grown.

use std::{
    cell::RefCell,
    ffi::OsString,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Request, response::Parts};
use jeton::{
    app::{apply_client, apply_user},
    config::{Environment, Overrides, Settings, TextFile},
    domain::{
        audience::Audience,
        entropy::Entropy,
        grant::Origin,
        hash_cost::HashCost,
        key_ring::{KEY_BYTES, KeyRing, ServerKey},
        policy::RotationPolicy,
        scopes::Scopes,
        secret::Secret,
        time::{Clock, Timestamp},
    },
    http::{HttpMetrics, HttpOptions, router},
    service::{Credentials, HashPool, Issue, IssueGrant, Ready, Service},
    store::{Records as _, Store as _, Write, memory::MemoryStore},
    transport::Peer,
};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Secrets that no answer may hold.
pub(crate) const SECRETS: [&str; 2] = ["orders-s3cr3t", "alice-s3cr3t"];
const DECLARED: &str = r#"
[secrets]
weak_declared = "warn"

[[client]]
id = "orders"
secret = "orders-s3cr3t"
grants = ["password", "refresh_token", "client_credentials"]
scopes = ["read", "write"]
audience = ["jeton", "billing"]
introspect = "any"

[[client]]
id = "app"
grants = ["password", "refresh_token"]

[[user]]
name = "alice"
password = "alice-s3cr3t"
"#;
const CHEAP: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
/// Requests to one server: each may leave a grant behind.
const REQUESTS: u32 = 5_000;

struct File;

impl Environment for File {
    fn variable(&self, _: &str) -> Option<OsString> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<TextFile> {
        Ok(TextFile { bytes: DECLARED.as_bytes().to_vec().into(), exposed: false })
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    fn age(&self) -> Duration {
        Duration::ZERO
    }
}

/// Different each time and the same in each run, so that a finding can be repeated.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct Server {
    runtime: Runtime,
    router: Router,
    access: Secret,
    refresh: Secret,
    requests: u32,
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

impl Server {
    /// Calls `ask` with the server of this process.
    pub(crate) fn with(ask: impl FnOnce(&Self)) {
        SERVER.with_borrow_mut(|server| {
            let server = server.get_or_insert_with(Self::start);
            server.requests += 1;
            ask(server);
        });
        SERVER.with_borrow_mut(|server| {
            if server.as_ref().is_some_and(|server| server.requests == REQUESTS) {
                *server = None;
            }
        });
    }

    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (router, access, refresh) = runtime.block_on(start());
        Self { runtime, router, access, refresh, requests: 0 }
    }

    /// `text` with the good tokens in their places.
    pub(crate) fn with_tokens(&self, text: &[u8]) -> Vec<u8> {
        let text = replaced(text, b"ACCESS", self.access.expose().as_bytes());
        replaced(&text, b"REFRESH", self.refresh.expose().as_bytes())
    }

    pub(crate) fn send(&self, mut request: Request<Body>) -> (Parts, Vec<u8>) {
        let peer = SocketAddr::from(([192, 0, 2, 7], 1234));
        request.extensions_mut().insert(Peer::at(peer));
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("an answer");
            let (head, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
            (head, body.to_vec())
        })
    }
}

async fn start() -> (Router, Secret, Secret) {
    let entropy: Arc<dyn Entropy> = Arc::new(Counting(AtomicU64::new(1)));
    let hashes = HashPool::start(1, CHEAP, Arc::clone(&entropy)).expect("a pool");
    let store = MemoryStore::new();
    let file = Some(Path::new("declared.toml"));
    let declared = Settings::load(file, &Overrides::default(), &File).expect("good settings");
    for client in &declared.settings.clients {
        let client = apply_client(client, None, &hashes, &*entropy, Stopped.now()).await;
        let client = Write::Insert(client.expect("a client"));
        store.clients().write(client).await.expect("it is written");
    }
    for user in &declared.settings.users {
        let user = apply_user(user, None, &hashes, &*entropy, Stopped.now()).await;
        let user = Write::Insert(user.expect("a user"));
        store.users().write(user).await.expect("it is written");
    }
    let keys = KeyRing::new(ServerKey::new(&[7; KEY_BYTES]), []);
    let policy = RotationPolicy::default();
    let service = Service::new(store, keys, hashes, Arc::new(Stopped), entropy, policy);
    let secret = Secret::new(SECRETS[0]);
    let credentials = Credentials::of_secret("orders".into(), secret);
    let caller = service.authentication.authenticate_client(&credentials).await.expect("the client");
    let request = Issue {
        grant: IssueGrant::Password { username: "alice".into(), password: Secret::new(SECRETS[1]) },
        scopes: Scopes::default(),
        audience: Audience::default(),
        ttl: None,
        request_id: None,
        origin: Origin::default(),
    };
    let tokens = service.tokens.issue(&caller, request).await.expect("tokens");
    let ready = Ready::not_yet();
    ready.set(Arc::new(service));
    let options = HttpOptions {
        issuer: "https://tokens.example".to_owned(),
        ..HttpOptions::default()
    };
    let router = router(ready, &options, &HttpMetrics::new()).expect("good options");
    (router, tokens.access_token, tokens.refresh.expect("a refresh token").0)
}

fn replaced(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(name.len()).position(|part| part == name) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(value);
        rest = &rest[at + name.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}
