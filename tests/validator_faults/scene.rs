//! A validator, or an agent, that follows its server through a proxy, and is shown tokens all the time.

use std::time::Duration;

use jeton::{
    client::{
        Basic, Credentials, TokenClient, Validator, endpoint,
        validator::{Counts, Options},
    },
    domain::secret::Secret,
};
use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint};

use crate::{
    agent_door::AgentDoor,
    common::{
        caller::Caller,
        server::Server,
        wait::{self, within},
    },
    guard::{Guard, ISSUER, Kind},
    ledger::{Accepts as _, Ledger},
    proxy::Proxy,
};

/// For how long beyond the promise the tokens are shown.
const BEYOND: Duration = Duration::from_millis(700);

fn promise() -> Duration {
    Options::default().max_staleness
}

pub(crate) struct Scene {
    /// Address of each instance of the server, without the proxies.
    direct: Vec<Endpoint>,
    pub(crate) ways: Ways,
    pub(crate) guard: Guard,
    pub(crate) ledger: Ledger,
}

/// The ways to all instances: what happens to one happens to each.
pub(crate) struct Ways(Vec<Proxy>);

impl Ways {
    pub(crate) fn delay(&self, longest: Duration) {
        self.each(|way| way.delay(longest));
    }

    pub(crate) fn cut(&self) {
        self.each(Proxy::cut);
    }

    pub(crate) fn hang_up(&self) {
        self.each(Proxy::hang_up);
    }

    pub(crate) fn hold(&self) {
        self.each(Proxy::hold);
    }

    pub(crate) fn release(&self) {
        self.each(Proxy::release);
    }

    pub(crate) fn lose(&self) {
        self.each(Proxy::lose);
    }

    fn each(&self, order: impl Fn(&Proxy)) {
        for way in &self.0 {
            order(way);
        }
    }
}

/// A validator as a service starts it, behind a balancer where there are several instances.
pub(crate) fn start(endpoints: Vec<Endpoint>) -> Validator {
    Validator::start(client(endpoints), Options::default())
}

/// A validator that judges signed tokens by itself.
fn start_judging(endpoints: Vec<Endpoint>) -> Validator {
    Validator::start_judging(client(endpoints), Options::default(), ISSUER.to_owned())
}

fn client(endpoints: Vec<Endpoint>) -> TokenClient {
    let basic = Basic::new("gateway", &Secret::new("gateway-secret"));
    let channel = match &endpoints[..] {
        [endpoint] => endpoint.connect_lazy(),
        _ => Channel::balance_list(endpoints.into_iter()),
    };
    TokenClient::new(channel, Credentials::Basic(basic))
}

impl Scene {
    /// In front of the server at `address`.
    pub(crate) async fn at(address: &str, kind: Kind) -> Self {
        Self::guarded(&[address.to_owned()], kind).await
    }

    /// In front of all instances of a server. An agent asks one of them.
    pub(crate) async fn of(server: &Server, kind: Kind) -> Self {
        Self::guarded(&server.addresses(), kind).await
    }

    async fn guarded(addresses: &[String], kind: Kind) -> Self {
        let addresses = match kind {
            Kind::Library | Kind::JudgingLibrary => addresses,
            Kind::Agent | Kind::JudgingAgent => &addresses[..1],
        };
        let scene = Self::with(addresses, async |endpoints| match kind {
            Kind::Library => Guard::Library(start(endpoints)),
            Kind::JudgingLibrary => Guard::Library(start_judging(endpoints)),
            Kind::Agent | Kind::JudgingAgent => {
                let issuer = kind.judges().then_some(ISSUER);
                Guard::Agent(AgentDoor::start(&endpoints[0].uri().to_string(), issuer).await)
            }
        })
        .await;
        if kind.judges() {
            scene.judges().await;
        }
        scene
    }

    /// With a guard that is started in a way of its own.
    pub(crate) async fn with(
        addresses: &[String],
        start: impl AsyncFnOnce(Vec<Endpoint>) -> Guard,
    ) -> Self {
        let (mut ways, mut direct) = (Vec::new(), Vec::new());
        for address in addresses {
            ways.push(Proxy::to(address.clone()).await);
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            direct.push(endpoint.expect("a URL"));
        }
        let endpoints = ways.iter().map(|way| endpoint(way.url()).expect("a URL"));
        let guard = start(endpoints.collect()).await;
        let scene = Self { direct, ways: Ways(ways), guard, ledger: Ledger::default() };
        scene.follows().await;
        scene
    }

    async fn connect(&self) -> Channel {
        let any = &self.direct[fastrand::usize(..self.direct.len())];
        within("to connect", any.connect()).await.expect("a connection")
    }

    pub(crate) async fn caller(&self, client_id: &'static str) -> Caller {
        Caller::new(self.connect().await, client_id)
    }

    /// A token that is shown from now on, and that is accepted.
    pub(crate) async fn token(&self) -> String {
        let token = self.caller("shop").await.log_in().await.access_token;
        self.show(&token);
        self.accepted_again(&token).await;
        token
    }

    /// A token that was accepted once and that nobody shows: what is kept of it, nothing corrects
    /// by chance.
    pub(crate) async fn put_by(&self) -> String {
        let token = self.caller("shop").await.log_in().await.access_token;
        for way in self.guard.ways() {
            assert!(way.accepts(&token).await, "active");
        }
        token
    }

    /// Shows a token that was put by, and whose revocation is long past.
    pub(crate) async fn bring_out(&self, token: &str) {
        self.follows().await;
        self.show(token);
        self.outlast(token).await;
    }

    pub(crate) async fn revoke(&self, token: &str) {
        self.caller("shop").await.revoke(token).await.expect("revoked");
        self.ledger.acknowledged(token);
    }

    /// Revokes `token` while nothing that the server says comes through: the validator cannot know.
    /// Nothing comes through until the proxy's orders change.
    pub(crate) async fn revoke_unheard(&self, token: &str) {
        self.ways.hold();
        self.revoke(token).await;
    }

    /// Waits until `token` was shown for longer than the promise lasts.
    pub(crate) async fn outlast(&self, token: &str) {
        until("to be shown", || self.ledger.watched(token) > promise() + BEYOND).await;
    }

    /// Waits until `token`, which is good, is refused because nothing proves that it is.
    pub(crate) async fn refused(&self, token: &str) {
        let before = self.ledger.refused(token);
        until("to be refused", || self.ledger.refused(token) > before).await;
    }

    /// Waits until `token` is accepted, and not only by chance.
    pub(crate) async fn accepted_again(&self, token: &str) {
        let before = self.ledger.accepted(token);
        until("to be accepted", || self.ledger.accepted(token) > before + 10).await;
    }

    /// Insists that `token` was accepted after its revocation: that there was something to promise.
    #[track_caller]
    pub(crate) fn was_trusted(&self, token: &str) {
        let latest = self.ledger.latest(token);
        println!("accepted for {latest:?} after a revocation that could not be heard of");
        assert!(!latest.is_zero(), "the trouble was none");
    }

    /// Insists on the promise.
    pub(crate) async fn check(&self) -> Counts {
        let worst = self.ledger.worst();
        assert!(worst <= promise(), "accepted {worst:?} after its revocation");
        let counts = self.guard.counts().await;
        println!("worst {worst:?}, {counts:?}");
        counts
    }

    /// Shows `token` from now on, in every way.
    fn show(&self, token: &str) {
        for way in self.guard.ways() {
            self.ledger.show(&way, token);
        }
    }

    /// Waits until what is remembered is proven to be up to date.
    async fn follows(&self) {
        wait::until("to follow", async || self.guard.follows().await).await;
    }

    /// Waits until a token that is issued now is accepted without a question.
    async fn judges(&self) {
        let (shop, any) = (self.caller("shop").await, self.guard.ways().remove(0));
        wait::until("to judge", async || {
            let before = self.guard.counts().await.verified;
            assert!(any.accepts(&shop.log_in().await.access_token).await, "active");
            sleep(Duration::from_millis(50)).await;
            self.guard.counts().await.verified > before
        })
        .await;
    }

    /// Waits until everything was forgotten because the watch could not be resumed.
    pub(crate) async fn begins_anew(&self) {
        wait::until("to begin anew", async || self.guard.counts().await.begun_anew > 0).await;
    }
}

/// Waits for what nobody calls back about.
pub(crate) async fn until(what: &str, ask: impl Fn() -> bool) {
    within(what, async {
        while !ask() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
