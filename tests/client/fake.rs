//! A token service in this process that the test controls, over a pipe instead of a socket.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{Stream, stream};
use hyper_util::rt::TokioIo;
use jeton::{
    client::{Basic, Credentials, TokenClient},
    domain::secret::Secret,
    proto::v1::{
        BatchIntrospectRequest, BatchIntrospectResponse, GetJwksRequest, GetJwksResponse,
        GetRevocationCursorRequest, GetRevocationCursorResponse, GrantEnded, IntrospectRequest,
        IntrospectResponse, IssueTokenRequest, IssueTokenResponse, RefreshTokenRequest,
        RefreshTokenResponse, Revocation, RevokeTokenRequest, RevokeTokenResponse,
        WatchRevocationsRequest, WatchRevocationsResponse,
        revocation::Event,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Endpoint, Server},
};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::service_fn;

/// State of the fake server, and its behaviour.
#[derive(Default)]
pub(crate) struct World {
    /// The tokens that are active.
    pub(crate) tokens: HashMap<String, IntrospectResponse>,
    /// Every revocation so far.
    feed: Vec<Revocation>,
    /// Names the store in cursors: another number is another store.
    store: u32,
    /// Watches that were opened under an earlier number break.
    watch: u32,
    /// True if watches say nothing, as if their responses sat in a buffer.
    pub(crate) mute: bool,
    /// Answered to every call, if there is one. Watches that are open go on.
    pub(crate) fault: Option<Status>,
    /// As often as this, every call is answered with [`Self::fault`]; without a number, always.
    pub(crate) faults: Option<usize>,
    /// State of another instance that has stood still since, and the event up to which it knows. It
    /// is the one that `Introspect` reaches.
    behind: Option<(HashMap<String, IntrospectResponse>, usize)>,
    /// True if answers of `Introspect` are decided and then held back.
    pub(crate) hold: bool,
    /// Life of an access token, in seconds.
    pub(crate) expires_in: i64,
    /// Pause that a watch that breaks asks for, in milliseconds.
    pub(crate) pushback: Option<&'static str>,
    /// The cursors that watches were opened with.
    pub(crate) opened: Vec<String>,
    /// When the last watches were opened.
    pub(crate) opened_at: Vec<Instant>,
    /// Number of open watches.
    pub(crate) open: usize,
    /// The calls that came, by RPC.
    pub(crate) calls: HashMap<&'static str, usize>,
    /// The `authorization` of every `Introspect`.
    pub(crate) authorizations: Vec<String>,
    /// The `request_id` of every `IssueToken`.
    pub(crate) request_ids: Vec<String>,
}

impl World {
    pub(crate) fn calls(&self, rpc: &str) -> usize {
        self.calls.get(rpc).copied().unwrap_or_default()
    }

    /// Returns the answer about a token of the instance that is asked.
    fn answer(&self, token: &str) -> IntrospectResponse {
        let now = (&self.tokens, self.feed.len());
        let (tokens, position) = match &self.behind {
            Some((tokens, position)) => (tokens, *position),
            None => now,
        };
        let known = tokens.get(token).cloned();
        known
            .map(|answer| IntrospectResponse { feed_position: position as u64, ..answer })
            .unwrap_or_default()
    }

    fn cursor(&self, position: usize) -> String {
        format!("{:022}{position:011}", self.store)
    }
}

/// One server. Clones are the same.
#[derive(Clone)]
pub(crate) struct Fake {
    world: Arc<Mutex<World>>,
    changed: watch::Sender<()>,
    dial: mpsc::UnboundedSender<DuplexStream>,
}

impl Fake {
    /// Starts one that knows the token `jat_good` of the grant `grant`.
    pub(crate) fn start() -> Self {
        let (dial, dialled) = mpsc::unbounded_channel::<DuplexStream>();
        let world = World { expires_in: 900, ..World::default() };
        let world = Arc::new(Mutex::new(world));
        let fake = Self { world, changed: watch::Sender::new(()), dial };
        fake.know("jat_good", "grant");
        let incoming = stream::unfold(dialled, |mut dialled| async {
            dialled.recv().await.map(|pipe| (Ok::<_, std::io::Error>(pipe), dialled))
        });
        let service = TokenServiceServer::new(fake.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        fake
    }

    /// A connection to it.
    pub(crate) fn channel(&self) -> Channel {
        let dial = self.dial.clone();
        let endpoint = Endpoint::from_static("http://fake");
        endpoint.connect_with_connector_lazy(service_fn(move |_| {
            let (here, there) = tokio::io::duplex(64 * 1024);
            let dialled = dial.send(there);
            async move {
                dialled.map_err(|_| std::io::Error::other("nobody listens"))?;
                Ok::<_, std::io::Error>(TokioIo::new(here))
            }
        }))
    }

    /// A caller with a secret.
    pub(crate) fn client(&self) -> TokenClient {
        let basic = Basic::new("billing", &Secret::new("billing-secret"));
        TokenClient::new(self.channel(), Credentials::Basic(basic))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panicked in there")
    }

    /// Changes how it behaves.
    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world());
        self.changed.send_replace(());
    }

    /// Makes a token known as active.
    pub(crate) fn know(&self, token: &str, grant: &str) {
        let answer = IntrospectResponse {
            active: true,
            client_id: "shop".to_owned(),
            subject: "usr_1".to_owned(),
            username: "alice".to_owned(),
            scopes: vec!["read".to_owned()],
            audience: vec!["billing".to_owned()],
            grant_id: grant.to_owned(),
            cache_ttl: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            ..Default::default()
        };
        self.change(|world| drop(world.tokens.insert(token.to_owned(), answer)));
    }

    /// Ends a grant, and says so in the feed.
    pub(crate) fn revoke(&self, grant: &str) {
        let grant_id = grant.to_owned();
        self.change(|world| {
            world.tokens.retain(|_, answer| answer.grant_id != grant_id);
            let event = Some(Event::GrantEnded(GrantEnded { grant_id }));
            world.feed.push(Revocation { event, event_time: None });
        });
    }

    /// From now on questions reach an instance that hears of nothing.
    pub(crate) fn fall_behind(&self) {
        self.change(|world| world.behind = Some((world.tokens.clone(), world.feed.len())));
    }

    /// It has caught up.
    pub(crate) fn catch_up(&self) {
        self.change(|world| world.behind = None);
    }

    /// Ends every watch that is open, as a server does that shuts down.
    pub(crate) fn break_watches(&self) {
        self.change(|world| world.watch += 1);
    }

    /// Begins a new store, as a server does that lost its own.
    pub(crate) fn lose_store(&self) {
        self.change(|world| {
            world.store += 1;
            world.watch += 1;
            world.feed.clear();
        });
    }

    /// Counts a call, and answers it with a fault if the test has set one.
    fn enter(&self, rpc: &'static str) -> Result<(), Status> {
        let mut world = self.world();
        *world.calls.entry(rpc).or_default() += 1;
        if let Some(faults) = &mut world.faults {
            let Some(left) = faults.checked_sub(1) else { return Ok(()) };
            *faults = left;
        }
        world.fault.clone().map_or(Ok(()), Err)
    }

    /// Returns the next response for a watch that has delivered `position`, if there is one.
    fn next(&self, watching: &mut Watching) -> Option<Result<WatchRevocationsResponse, Status>> {
        let world = self.world();
        if world.watch != watching.opened_under {
            let mut status = refusal(Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
            let pushback = world.pushback.map(|pushback| pushback.parse().expect("a header"));
            pushback.map(|value| status.metadata_mut().insert("grpc-retry-pushback-ms", value));
            return Some(Err(status));
        }
        let due = world.feed.len() > watching.position || watching.checkpoint;
        if world.mute || !due {
            return None;
        }
        let revocations = world.feed[watching.position..].to_vec();
        watching.position = world.feed.len();
        let checkpoint = std::mem::take(&mut watching.checkpoint);
        let cursor = world.cursor(watching.position);
        let feed_position = watching.position as u64;
        let coverage = None;
        Some(Ok(WatchRevocationsResponse {
            revocations,
            cursor,
            checkpoint,
            feed_position,
            coverage,
        }))
    }
}

/// One open watch.
struct Watching {
    fake: Fake,
    changed: watch::Receiver<()>,
    opened_under: u32,
    position: usize,
    /// True if a checkpoint is due.
    checkpoint: bool,
    broken: bool,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.fake.world().open -= 1;
    }
}

async fn watching(
    mut watching: Watching,
) -> Option<(Result<WatchRevocationsResponse, Status>, Watching)> {
    if watching.broken {
        return None;
    }
    loop {
        let fake = watching.fake.clone();
        if let Some(next) = fake.next(&mut watching) {
            watching.broken = next.is_err();
            return Some((next, watching));
        }
        let second = Duration::from_secs(1);
        if timeout(second, watching.changed.changed()).await.is_err() {
            watching.checkpoint = true;
        }
    }
}

/// An error as the service makes it.
pub(crate) fn refusal(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "jeton.v1", HashMap::new());
    Status::with_error_details(code, "refused", details)
}

#[tonic::async_trait]
impl TokenService for Fake {
    async fn issue_token(
        &self,
        request: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        self.world().request_ids.push(request.get_ref().request_id.clone());
        self.enter("IssueToken")?;
        let world = self.world();
        let access_token = format!("jat_own{}", world.calls("IssueToken"));
        let expires_in = world.expires_in;
        Ok(Response::new(IssueTokenResponse { access_token, expires_in, ..Default::default() }))
    }

    async fn refresh_token(
        &self,
        _request: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        self.enter("RefreshToken")?;
        Ok(Response::new(RefreshTokenResponse::default()))
    }

    async fn revoke_token(
        &self,
        _request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        self.enter("RevokeToken")?;
        Ok(Response::new(RevokeTokenResponse::default()))
    }

    async fn introspect(
        &self,
        request: Request<IntrospectRequest>,
    ) -> Result<Response<IntrospectResponse>, Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().expect("text").to_owned());
        self.world().authorizations.extend(authorization);
        self.enter("Introspect")?;
        let token = &request.get_ref().token;
        let answer = self.world().answer(token);
        let mut changed = self.changed.subscribe();
        while self.world().hold {
            changed.changed().await.expect("the fake server lives");
        }
        Ok(Response::new(answer))
    }

    async fn batch_introspect(
        &self,
        _request: Request<BatchIntrospectRequest>,
    ) -> Result<Response<BatchIntrospectResponse>, Status> {
        self.enter("BatchIntrospect")?;
        Ok(Response::new(BatchIntrospectResponse::default()))
    }

    type WatchRevocationsStream =
        Pin<Box<dyn Stream<Item = Result<WatchRevocationsResponse, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        request: Request<WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        self.enter("WatchRevocations")?;
        let cursor = request.into_inner().cursor;
        let mut world = self.world();
        world.opened.push(cursor.clone());
        world.opened_at.push(Instant::now());
        let position = (0..=world.feed.len()).find(|position| world.cursor(*position) == cursor);
        let lost = || refusal(Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
        let position = position.ok_or_else(lost)?;
        world.open += 1;
        let opened_under = world.watch;
        let first = Watching {
            fake: self.clone(),
            changed: self.changed.subscribe(),
            opened_under,
            position,
            checkpoint: true,
            broken: false,
        };
        Ok(Response::new(Box::pin(stream::unfold(first, watching))))
    }

    async fn get_revocation_cursor(
        &self,
        _request: Request<GetRevocationCursorRequest>,
    ) -> Result<Response<GetRevocationCursorResponse>, Status> {
        self.enter("GetRevocationCursor")?;
        let world = self.world();
        let cursor = world.cursor(world.feed.len());
        let feed_position = world.feed.len() as u64;
        Ok(Response::new(GetRevocationCursorResponse { cursor, feed_position }))
    }

    async fn get_jwks(
        &self,
        _request: Request<GetJwksRequest>,
    ) -> Result<Response<GetJwksResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}

/// Waits, in the test's own time, until the answer is yes.
pub(crate) async fn until(what: &str, ask: impl Fn() -> bool) {
    let asking = async {
        while !ask() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let limit = Duration::from_secs(600);
    timeout(limit, asking).await.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"));
}
