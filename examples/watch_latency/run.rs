//! One run with fixed numbers of watchers and revocations.

use std::{path::PathBuf, time::Duration};

use hdrhistogram::Histogram;
use jeton::{
    client::with_basic,
    domain::secret::Secret,
    proto::v1::{
        ClientCredentialsGrant, IssueTokenRequest, RevokeTokenRequest, WatchRevocationsRequest,
        WatchRevocationsResponse, issue_token_request::Grant,
        token_service_client::TokenServiceClient,
    },
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};
use tonic::{Code, Streaming, transport::Channel};

use crate::{clock, judge::Judge, server::Server};

type Service = TokenServiceClient<Channel>;

/// Parameters of a run.
pub(crate) struct Run {
    pub(crate) watchers: usize,
    pub(crate) share: usize,
    pub(crate) revocations: usize,
    pub(crate) rate: u32,
    pub(crate) dir: PathBuf,
}

/// Measured times, in µs.
pub(crate) struct Times {
    pub(crate) watchers: usize,
    pub(crate) refused: Histogram<u64>,
    pub(crate) heard: Histogram<u64>,
    pub(crate) last: Histogram<u64>,
    /// Growth of the server's resident memory for each watch, in KiB.
    pub(crate) kib: u64,
}

impl Run {
    pub(crate) async fn times(&self) -> Times {
        let server = Server::start(&self.dir);
        let mut shop = TokenServiceClient::new(server.connect().await);
        let mut tokens = Vec::new();
        for _ in 0..self.revocations {
            tokens.push(issue(&mut shop).await);
        }
        let (streams, kib) = self.watch(&server).await;
        let judge = Judge::start(&server.url(), &tokens);
        let mut reading = JoinSet::new();
        for stream in streams {
            reading.spawn(arrivals(stream, self.revocations));
        }
        let count = self.revocations;
        let refusals = spawn_blocking(move || judge.refusals(count));
        let answered = revoke_all(&mut shop, tokens, self.rate).await;
        let refused = refused(&answered, &refusals.await.expect("a judge to the end"));
        let (heard, last) = heard(&answered, reading.join_all().await);
        Times { watchers: self.watchers, refused, heard, last, kib }
    }

    /// Opens all watches except the validator's. Returns them with the memory that each costs the
    /// server.
    async fn watch(&self, server: &Server) -> (Vec<Streaming<WatchRevocationsResponse>>, u64) {
        let before = server.resident();
        let mut streams = Vec::new();
        let mut service = TokenServiceClient::new(server.connect().await);
        for number in 1..self.watchers {
            if number % self.share == 0 {
                service = TokenServiceClient::new(server.connect().await);
            }
            streams.push(watch(service.clone()).await);
        }
        let growth = server.resident().saturating_sub(before);
        let kib = growth.checked_div(streams.len() as u64).unwrap_or_default();
        (streams, kib)
    }
}

fn refused(answered: &[u64], refusals: &[Option<u64>]) -> Histogram<u64> {
    let mut times = histogram();
    for (refused, answered) in refusals.iter().zip(answered) {
        if let Some(refused) = refused {
            // Some tokens are refused before the revocation is answered.
            times.saturating_record(refused.saturating_sub(*answered));
        }
    }
    let unseen = refusals.iter().filter(|refused| refused.is_none()).count();
    println!("{unseen} of {} tokens were revoked before the validator knew them", refusals.len());
    times
}

/// Returns the delays of each watcher, and of the last watcher for each revocation.
fn heard(answered: &[u64], arrivals: Vec<Vec<u64>>) -> (Histogram<u64>, Histogram<u64>) {
    let [mut times, mut last] = [(); 2].map(|()| histogram());
    if arrivals.is_empty() {
        return (times, last);
    }
    let mut latest = vec![0; answered.len()];
    for arrived in arrivals {
        for ((arrived, answered), latest) in arrived.iter().zip(answered).zip(&mut latest) {
            let time = arrived.saturating_sub(*answered);
            times.saturating_record(time);
            *latest = time.max(*latest);
        }
    }
    for time in latest {
        last.saturating_record(time);
    }
    (times, last)
}

/// Creates a histogram of times in µs: three digits, up to a minute.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds that are sound")
}

async fn issue(service: &mut Service) -> String {
    let request = IssueTokenRequest {
        client_id: "shop".to_owned(),
        client_secret: "shop-secret".to_owned(),
        grant: Some(Grant::ClientCredentials(ClientCredentialsGrant {})),
        ..IssueTokenRequest::default()
    };
    loop {
        match service.issue_token(request.clone()).await {
            Ok(issued) => return issued.into_inner().access_token,
            // The server listens before its store is open.
            Err(status) if status.code() == Code::Unavailable => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(status) => panic!("no token: {status}"),
        }
    }
}

/// Opens a watch and waits for its first checkpoint.
async fn watch(mut service: Service) -> Streaming<WatchRevocationsResponse> {
    let request = WatchRevocationsRequest::default();
    let request = with_basic(request, "gateway", &Secret::new("gateway-secret"));
    let mut stream = service.watch_revocations(request).await.expect("a watch").into_inner();
    let first = stream.message().await.expect("no error").expect("a response");
    assert!(first.checkpoint);
    stream
}

/// Returns the time at which each revocation arrived, in µs. Revocations arrive in order, since
/// each is sent after the answer to the previous one.
async fn arrivals(mut stream: Streaming<WatchRevocationsResponse>, revocations: usize) -> Vec<u64> {
    let mut arrived = Vec::with_capacity(revocations);
    while arrived.len() < revocations {
        let response = stream.message().await.expect("no error").expect("a response");
        let now = clock::micros();
        arrived.extend(response.revocations.iter().map(|_| now));
    }
    arrived
}

/// Revokes the tokens at fixed times. Returns the time of each answer, in µs.
async fn revoke_all(service: &mut Service, tokens: Vec<String>, rate: u32) -> Vec<u64> {
    let mut pace = interval(Duration::from_secs(1) / rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = Vec::with_capacity(tokens.len());
    for token in tokens {
        pace.tick().await;
        let request = RevokeTokenRequest {
            client_id: "shop".to_owned(),
            client_secret: "shop-secret".to_owned(),
            token,
            ..RevokeTokenRequest::default()
        };
        service.revoke_token(request).await.expect("revoked");
        answered.push(clock::micros());
    }
    answered
}
