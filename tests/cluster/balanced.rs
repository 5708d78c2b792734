//! Validators and an agent behind a balancer over several instances: if any of these is behind, none
//! of them accepts a token for longer after its acknowledged revocation than promised.
//!
//! `JETON_TEST_SOAK_SECONDS` says how long each takes, by default 10.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;
use jeton::{
    client::{Basic, Credentials, TokenClient, Validator, endpoint, validator::Options},
    domain::secret::Secret,
    proto::v1::{RevokeGrantsRequest, token_service_client::TokenServiceClient},
};
use tokio::time::{Instant, interval, sleep};
use tonic::transport::Channel;

use crate::{
    balancer::Balancer,
    common::{
        admin::{Admin, with_admin},
        agent::Agent,
        caller::Caller,
        home::Home,
        server::Server,
        wait::{until, within},
    },
    database::Database,
    fleet::beside,
    ledger::{Accepts, Ledger},
    proxy::Proxy,
};

/// Tokens that are good at a time.
const GOOD: usize = 8;
/// A token is revoked so often.
const PACE: Duration = Duration::from_millis(150);
/// The delays change so often.
const WEATHER: Duration = Duration::from_millis(300);
/// The longest that a piece may be on its way, in turns by chance.
const DELAYS: [u64; 5] = [0, 2, 5, 10, 20];
/// One in so many changes of the weather cuts a connection.
const STORMS: u32 = 25;
/// For how long beyond its revocation a token is shown.
const SHOWN: Duration = Duration::from_secs(4);

/// An instance and the ways to it and to its database.
struct Instance {
    server: Server,
    calls: Proxy,
    database: Proxy,
}

impl Instance {
    async fn start(database: &Database, home: Home) -> Self {
        let way = Proxy::to(database.primary()).await;
        let url = database.url_at(way.address());
        let server = Server::start_with(home, &with_admin(), &[("JETON_STORE_URL", &url)]).await;
        let calls = Proxy::to(server.address().to_owned()).await;
        Self { server, calls, database: way }
    }
}

/// A channel that balances calls over the instances.
fn balanced(instances: &[Instance]) -> Channel {
    let endpoints = instances.iter().map(|to| endpoint(to.calls.url()).expect("a URL"));
    Channel::balance_list(endpoints)
}

/// A validator of one client.
fn validator(client: &str, instances: &[Instance]) -> Validator {
    let basic = Basic::new(client, &Secret::new(format!("{client}-secret")));
    let client = TokenClient::new(balanced(instances), Credentials::Basic(basic));
    Validator::start(client, Options::default())
}

/// Protects a service from memory.
#[derive(Clone)]
enum Guard {
    Validator(Validator),
    Agent(TokenServiceClient<Channel>),
}

impl Accepts for Guard {
    async fn accepts(&self, token: &str) -> bool {
        match self {
            Self::Validator(validator) => validator.accepts(token).await,
            Self::Agent(agent) => agent.accepts(token).await,
        }
    }
}

/// A guard, and its record of every token.
struct Watched {
    by: Guard,
    ledger: Ledger,
}

impl Watched {
    fn new(guard: Guard) -> Self {
        Self { by: guard, ledger: Ledger::default() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn behind_two_instances_no_revoked_token_is_accepted_for_longer_than_promised() {
    soak("two_balanced", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn behind_three_instances_no_revoked_token_is_accepted_for_longer_than_promised() {
    soak("three_balanced", 3).await;
}

/// Distance of the database, there and back.
const FAR: Duration = Duration::from_millis(10);

/// The search for the watchers of the event examines all of the user's grants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_user_with_many_grants_is_ended_in_time_for_who_hears_of_its_own_only() {
    const GRANTS: usize = 300;
    let database = Database::shared("far");
    let instance = Instance::start(&database, Home::new()).await;
    let shop = instance.server.caller("shop").await;
    let mut newest = String::new();
    for _ in 0..GRANTS {
        newest = shop.log_in().await.access_token;
    }
    let subject = shop.introspect(&newest).await.subject;
    instance.database.delay(FAR);
    let validator = validator("shop", std::slice::from_ref(&instance));
    let proven = async {
        while validator.staleness().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    within("to follow", proven).await;
    validator.validate(&newest).await.expect("active");
    let request = RevokeGrantsRequest { subject, ..RevokeGrantsRequest::default() };
    Admin::of(&instance.server).await.revoke_grants(request).await.expect("revoked");
    let revoked = Instant::now();
    let heard = async {
        while validator.counts().revocations == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    within("to hear of it", heard).await;
    println!("heard after {:?}, {:?}", revoked.elapsed(), validator.counts());
    assert_eq!(validator.counts().begun_anew, 0);
    assert_eq!(validator.counts().resumed, 0, "the watch was silent");
    assert!(validator.validate(&newest).await.is_err());
    instance.server.stop().await;
}

async fn soak(name: &str, count: usize) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let database = Database::shared(name);
    let mut instances = vec![Instance::start(&database, Home::new()).await];
    while instances.len() < count {
        let home = beside(&instances[0].server);
        instances.push(Instance::start(&database, home).await);
    }
    let balancer = Balancer::over(balanced(&instances)).await;
    let agent = Agent::start(&balancer.url(), "gateway").await;
    until("to hear the server", async || agent.ops().get("/readyz").await.0 == 200).await;
    // The gateway hears of every token, the shop of its own.
    let guards = [
        Guard::Validator(validator("gateway", &instances)),
        Guard::Validator(validator("shop", &instances)),
        Guard::Agent(TokenServiceClient::new(agent.connect().await)),
    ];
    let guards = guards.map(Watched::new);
    let mut shops = Vec::new();
    for instance in &instances {
        shops.push(instance.server.caller("shop").await);
    }
    let end = Instant::now() + duration();
    let storms = async {
        let mut ticks = interval(WEATHER);
        let mut dice = dice.fork();
        while Instant::now() < end {
            ticks.tick().await;
            change(&instances, &mut dice);
        }
    };
    let mut dice = Rng::with_seed(seed);
    let revoking = revoke_until(end, &shops, &guards, &mut dice);
    let ((), revoked) = tokio::join!(storms, revoking);
    for token in &revoked {
        for guard in &guards {
            let shown = async {
                while guard.ledger.watched(token) < SHOWN {
                    sleep(PACE).await;
                }
            };
            within("to be shown", shown).await;
        }
    }
    let worst = guards.each_ref().map(|guard| guard.ledger.worst());
    println!(
        "{count} instances, {:?}: {} revocations, accepted for {worst:?} after one at most",
        duration(),
        revoked.len()
    );
    for watched in &guards {
        if let Guard::Validator(validator) = &watched.by {
            println!("{:?}", validator.counts());
        }
    }
    let promise = Options::default().max_staleness;
    assert!(worst.iter().all(|worst| *worst <= promise), "accepted {worst:?} after a revocation");
    agent.stop().await;
    for instance in instances {
        instance.server.stop().await;
    }
}

/// Shows tokens, and revokes the oldest, at any instance. Hands back those that were revoked.
async fn revoke_until(
    end: Instant,
    shops: &[Caller],
    guards: &[Watched],
    dice: &mut Rng,
) -> Vec<String> {
    let (mut good, mut revoked) = (VecDeque::new(), Vec::new());
    let mut ticks = interval(PACE);
    while Instant::now() < end {
        ticks.tick().await;
        let token = shops[dice.usize(..shops.len())].log_in().await.access_token;
        for guard in guards {
            guard.ledger.show_until(&guard.by, &token, SHOWN);
        }
        good.push_back(token);
        if good.len() <= GOOD {
            continue;
        }
        let Some(oldest) = good.pop_front() else { continue };
        for guard in guards {
            let accepted = async {
                while guard.ledger.accepted(&oldest) == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            within("to be accepted", accepted).await;
        }
        shops[dice.usize(..shops.len())].revoke(&oldest).await.expect("revoked");
        for guard in guards {
            guard.ledger.acknowledged(&oldest);
        }
        revoked.push(oldest);
    }
    revoked
}

/// Other delays on each way, and now and then a connection that breaks.
fn change(instances: &[Instance], dice: &mut Rng) {
    for instance in instances {
        for way in [&instance.calls, &instance.database] {
            way.delay(Duration::from_millis(DELAYS[dice.usize(..DELAYS.len())]));
        }
    }
    if dice.u32(..STORMS) == 0 {
        instances[dice.usize(..instances.len())].calls.hang_up();
    }
}

fn duration() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
    let asked = std::env::var("JETON_TEST_SOAK_SECONDS");
    let seconds = asked.map_or(10, |seconds| seconds.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}
