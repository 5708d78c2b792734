//! The endpoints over a service in memory, and what holds of every answer.

use std::{
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
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, Method, Request,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
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
    store::memory::MemoryStore,
    transport::Peer,
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::store::{FailingStore, insert_client, insert_user};

pub(crate) const ISSUER: &str = "https://tokens.example";
pub(crate) const START: u64 = 1_700_000_000;
const CHEAP: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };

/// Declared clients and users.
const DECLARED: &str = r#"
[secrets]
weak_declared = "warn"

[[client]]
id = "test_client_id"
secret = "test_client_secret"
grants = ["password", "refresh_token"]
scopes = ["read", "write"]
access_token_ttl = "36000s"

[[client]]
id = "332269999912132097"
secret = "937it3ow87i4ery69876wqire"
grants = ["password", "refresh_token"]
access_token_ttl = "31622400s"
refresh_token_ttl = "400d"
grant_ttl = "800d"

[[client]]
id = "client_id_example"
grants = ["password", "refresh_token"]

[[client]]
id = "community"
secret = "s3cr:t+100%25"
grants = ["password", "refresh_token"]
scopes = ["write", "read"]
audience = ["billing"]
access_token_ttl = "600s"
refresh_token_ttl = "86400s"

[[client]]
id = "orders"
secret = "orders-secret"
grants = ["client_credentials"]
scopes = ["read"]
audience = ["jeton", "stock", "billing"]

[[client]]
id = "gateway"
secret = "gateway-secret"
grants = ["client_credentials"]
introspect = "any"
permissions = ["inactive_reason"]

[[client]]
id = "console"
secret = "console-secret"
grants = ["password", "refresh_token", "client_credentials"]
audience = ["jeton", "billing"]

[[client]]
id = "plus"
secret = "one+two^three+four"
grants = ["password"]

[[client]]
id = "space"
secret = "one two^three four"
grants = ["password"]

[[client]]
id = "raw"
secret = "one+two%5Ethree+four"
grants = ["password"]

[[client]]
id = "web+app"
secret = "web-application-secret"
grants = ["password"]

[[client]]
id = "web%20app"
secret = "web-application-secret"
grants = ["password"]

[[client]]
id = "pub+web"
grants = ["password"]

[[client]]
id = "pub%20x"
grants = ["password"]

[[client]]
id = "pub_y"
grants = ["password"]

[[client]]
id = "app_example"
grants = ["password", "refresh_token"]

[[client]]
id = "login-only"
secret = "login-secret"
grants = ["password"]

[[client]]
id = "shop"
secret = "shop-secret-2f61"
grants = ["password", "refresh_token", "client_credentials"]
scopes = ["read"]
audience = ["billing", "https://stock.example", "mail"]
attributes = { team = "shop", active = "no", color = "red" }

[[user]]
name = "test_api_user"
password = "test_api_user"
attributes = { email = "user@example.com", color = "blue" }

[[user]]
name = "john@doe.com"
password = "mypassword123"
"#;

/// The settings above and nothing else.
struct File;

impl Environment for File {
    fn variable(&self, _: &str) -> Option<OsString> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<TextFile> {
        Ok(TextFile { bytes: DECLARED.as_bytes().to_vec().into(), exposed: false })
    }
}

pub(crate) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn age(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed) - START * 1000)
    }
}

/// Different each time and the same in each run.
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
    pub(crate) router: Router,
    pub(crate) ready: Ready<FailingStore>,
    pub(crate) store: FailingStore,
    clock: Arc<HandClock>,
    description: Value,
}

pub(crate) fn options() -> HttpOptions {
    HttpOptions {
        assertions: true,
        issuer: ISSUER.to_owned(),
        scopes_supported: vec!["read".to_owned(), "write".to_owned()],
        ..HttpOptions::default()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(&options()).await
    }

    pub(crate) async fn with(options: &HttpOptions) -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(Counting(AtomicU64::new(1)));
        let clock = Arc::new(HandClock(AtomicU64::new(START * 1000)));
        let hashes = HashPool::start(2, CHEAP, Arc::clone(&entropy)).expect("a pool");
        let store = FailingStore::new(MemoryStore::new());
        let file = Some(Path::new("declared.toml"));
        let declared = Settings::load(file, &Overrides::default(), &File).expect("good settings");
        for client in &declared.settings.clients {
            let client = apply_client(client, None, &hashes, &*entropy, clock.now()).await;
            insert_client(&store, client.expect("a client")).await;
        }
        for user in &declared.settings.users {
            let user = apply_user(user, None, &hashes, &*entropy, clock.now()).await;
            insert_user(&store, user.expect("a user")).await;
        }
        let keys = KeyRing::new(ServerKey::new(&[7; KEY_BYTES]), []);
        let policy = RotationPolicy::default();
        let service = Service::new(store.clone(), keys, hashes, clock.clone(), entropy, policy);
        let ready = Ready::not_yet();
        ready.set(Arc::new(service));
        let router = router(ready.clone(), options, &HttpMetrics::new()).expect("good options");
        let mut server = Self { router, ready, store, clock, description: Value::Null };
        let described = server.raw(get("/openapi.json")).await;
        server.description = described.json();
        server
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("a short time");
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// Sends a request and checks what must hold of every answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.raw(request).await;
        answer.check(&method);
        if !matches!(answer.status, 404 | 405) && method != Method::OPTIONS {
            self.check_described(&method, &path, &answer);
        }
        answer
    }

    async fn raw(&self, mut request: Request<Body>) -> Answer {
        let peer = SocketAddr::from(([192, 0, 2, 7], 1234));
        request.extensions_mut().insert(Peer::at(peer));
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() }
    }

    fn check_described(&self, method: &Method, path: &str, answer: &Answer) {
        let method = if method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
        let responses = &self.description["paths"][path][method]["responses"];
        let mut response = &responses[answer.status.to_string()];
        if let Some(reference) = response["$ref"].as_str() {
            response = self.description.pointer(&reference[1..]).expect("a response");
        }
        assert!(response.is_object(), "{method} {path} does not describe {}", answer.status);
        let media_type = answer.header(&CONTENT_TYPE).split(';').next();
        let media_type = media_type.filter(|text| !text.is_empty()).map(str::to_owned);
        let described = response["content"].as_object().and_then(|content| content.keys().next());
        // A body of which the description says nothing is an empty one.
        if described.is_none() && answer.body.is_empty() {
            return;
        }
        assert_eq!(media_type.as_ref(), described, "{method} {path} {}", answer.status);
    }

    /// Logs the usual user in and returns the answer's members.
    pub(crate) async fn log_in(&self, client: &str, secret: &str) -> Value {
        let pairs = [
            ("grant_type", "password"),
            ("client_id", client),
            ("client_secret", secret),
            ("username", "test_api_user"),
            ("password", "test_api_user"),
        ];
        let answer = self.send(form("/oauth/token", &pairs)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A token that a client gets for itself and for jeton.
    pub(crate) async fn token_for_jeton(&self, client: &str, secret: &str) -> String {
        let service = self.ready.get().expect("a service");
        let client_id = client.to_owned();
        let credentials = Credentials::of_secret(client_id, Secret::new(secret));
        let caller =
            service.authentication.authenticate_client(&credentials).await.expect("a caller");
        let request = Issue {
            grant: IssueGrant::ClientCredentials,
            scopes: Scopes::default(),
            audience: Audience::from_names(["jeton"]).expect("an audience"),
            ttl: None,
            request_id: None,
            origin: Origin::default(),
        };
        let tokens = service.tokens.issue(&caller, request).await.expect("a token");
        tokens.access_token.expose().to_owned()
    }

    /// Returns whether `gateway`, which may introspect everything, finds an access token good.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let request = form("/oauth/introspect", &[("token", token)]);
        let answer = self.send(basic(request, "gateway", "gateway-secret")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["active"] == true
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The OAuth error code.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }

    pub(crate) fn header(&self, name: &http::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn check(&self, method: &Method) {
        assert_eq!(self.header(&http::header::CACHE_CONTROL), "no-store");
        assert_eq!(self.header(&http::header::PRAGMA), "no-cache");
        let has = |name| self.headers.contains_key(name);
        assert_eq!(has(WWW_AUTHENTICATE), self.status == 401);
        assert_eq!(has(RETRY_AFTER), matches!(self.status, 429 | 503));
        assert_eq!(has(ALLOW), self.status == 405);
        if self.status >= 400 && method != Method::HEAD {
            assert_eq!(self.header(&CONTENT_TYPE), "application/json");
            let members = self.json();
            assert_eq!(members.as_object().map(serde_json::Map::len), Some(2));
            let text = members["error_description"].as_str().expect("a description");
            // RFC 6749 §5.2.
            let allowed = |byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(text.bytes().all(allowed), "{text}");
        }
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

pub(crate) fn raw(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header(CONTENT_TYPE, content_type);
    request.body(body.into()).expect("a request")
}

pub(crate) fn text(path: &str, body: &str) -> Request<Body> {
    raw(path, "application/x-www-form-urlencoded", body.to_owned())
}

pub(crate) fn form(path: &str, pairs: &[(&str, &str)]) -> Request<Body> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    text(path, &body.extend_pairs(pairs).finish())
}

pub(crate) fn json(path: &str, body: &Value) -> Request<Body> {
    raw(path, "application/json", body.to_string())
}

pub(crate) fn basic(request: Request<Body>, id: &str, secret: &str) -> Request<Body> {
    authorized(request, &format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}"))))
}

pub(crate) fn authorized(mut request: Request<Body>, header: &str) -> Request<Body> {
    let value = header.parse().expect("a header value");
    request.headers_mut().append(AUTHORIZATION, value);
    request
}
