//! The service in this process, over a socket, with a wall clock that can be set.

use std::{
    ffi::OsString,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jeton::{
    app::{SystemClock, SystemEntropy, apply_client, apply_user},
    config::{Environment, LimitSettings, Overrides, Settings as Loaded, TextFile},
    domain::{
        hash_cost::HashCost,
        key_ring::{KEY_BYTES, KeyRing, ServerKey},
        policy::RotationPolicy,
        time::{Clock, Timestamp},
    },
    grpc::{CallLimits, EnvoyOptions, GrpcMetrics, GrpcOptions, GrpcServer, Health},
    service::{HashPool, Ready, Service},
    store::{Records as _, Store as _, Write, memory::MemoryStore},
    transport::{Carriage, Protocol, Stage, Transport},
};
use tokio::{sync::watch, task::JoinSet};

use crate::common::settings::Settings;

const CHEAP: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };

/// The system's clock, set forward or back by so many milliseconds.
#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let set = self.0.load(Ordering::SeqCst);
        Timestamp::from_millis(SystemClock.now().as_millis().saturating_add_signed(set))
    }

    fn age(&self) -> Duration {
        SystemClock.age()
    }
}

/// A settings file and no environment.
struct File(String);

impl Environment for File {
    fn variable(&self, _: &str) -> Option<OsString> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<TextFile> {
        Ok(TextFile { bytes: self.0.as_bytes().to_vec().into(), exposed: false })
    }
}

/// Serves until it is dropped.
pub(crate) struct Timed {
    clock: Arc<SetClock>,
    pub(crate) address: String,
    _stage: watch::Sender<Stage>,
    _tasks: JoinSet<()>,
}

impl Timed {
    pub(crate) async fn start(settings: &Settings) -> Self {
        let clock = Arc::<SetClock>::default();
        let service = service(settings, &clock).await;
        let ready = Ready::not_yet();
        ready.set(Arc::clone(&service));
        let grpc = GrpcServer::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = grpc.local_address().expect("an address").to_string();
        let limits = LimitSettings::default();
        let calls = CallLimits {
            request_bytes: 1 << 18,
            response_bytes: 1 << 20,
            timeout: limits.request_timeout,
            admin_timeout: limits.admin_request_timeout,
        };
        let options =
            GrpcOptions { limits: calls, reflection: false, envoy: EnvoyOptions::default() };
        let (stage, staged) = watch::channel(Stage::Serving);
        let transport = Transport::new(Carriage::plain(Protocol::Http2, limits, staged));
        let health = Health::starting().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { match service.revocations.follow_revocations().await {} });
        tasks.spawn(async move {
            let entropy = Arc::new(SystemEntropy);
            let metrics = GrpcMetrics::new();
            let served = grpc.serve(ready, options, health, metrics, entropy, transport);
            served.await.expect("it serves");
        });
        Self { clock, address, _stage: stage, _tasks: tasks }
    }

    /// Sets the clock forward, or back, by so many seconds.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

/// Over a store in memory that holds what the settings declare.
async fn service(settings: &Settings, clock: &Arc<SetClock>) -> Arc<Service<MemoryStore>> {
    let file = File(settings.render(Path::new("nowhere")));
    let path = Some(Path::new("jeton.toml"));
    let declared = Loaded::load(path, &Overrides::default(), &file).expect("good settings");
    let hashes = HashPool::start(1, CHEAP, Arc::new(SystemEntropy)).expect("a pool");
    let (store, now) = (MemoryStore::new(), clock.now());
    for client in &declared.settings.clients {
        let client = apply_client(client, None, &hashes, &SystemEntropy, now).await;
        let insert = Write::Insert(client.expect("a client"));
        store.clients().write(insert).await.expect("a new client");
    }
    for user in &declared.settings.users {
        let user = apply_user(user, None, &hashes, &SystemEntropy, now).await;
        let insert = Write::Insert(user.expect("a user"));
        store.users().write(insert).await.expect("a new user");
    }
    let keys = KeyRing::new(ServerKey::new(&[7; KEY_BYTES]), []);
    let (clock, entropy) = (Arc::clone(clock), Arc::new(SystemEntropy));
    Arc::new(Service::new(store, keys, hashes, clock, entropy, RotationPolicy::default()))
}
