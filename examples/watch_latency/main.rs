//! How soon watchers hear of a revocation: from `RevokeToken`'s OK on one connection to the arrival
//! of the event on the others, on a real server.
//!
//!     cargo build --release --bin jeton --example watch_latency
//!     target/release/examples/watch_latency --watchers 100
//!
//! Revocations come at their times, one after the other on one connection. The watchers are streams of this
//! one process: with many of them the last one's time includes that this process has read all the
//! others' first.

mod server;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use hdrhistogram::Histogram;
use jeton::{
    client::with_basic,
    domain::secret::Secret,
    metrics::Stopwatch,
    proto::v1::{
        ClientCredentialsGrant, IssueTokenRequest, RevokeTokenRequest, WatchRevocationsRequest,
        WatchRevocationsResponse, issue_token_request::Grant,
        token_service_client::TokenServiceClient,
    },
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tonic::{Code, Streaming, transport::Channel};

use crate::server::Server;

type Service = TokenServiceClient<Channel>;

#[derive(Parser)]
struct Options {
    /// How many watch.
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// How many of them share a connection.
    #[arg(long, default_value_t = 1)]
    share: usize,
    /// How many tokens are revoked.
    #[arg(long, default_value_t = 10_000)]
    revocations: usize,
    /// How many of them a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// A new directory for the data: on the disk that is meant.
    #[arg(long, default_value = "target/watch_latency")]
    dir: PathBuf,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let server = Server::start(&options.dir);
    let mut shop = TokenServiceClient::new(server.connect().await);
    let mut tokens = Vec::new();
    for _ in 0..options.revocations {
        tokens.push(issue(&mut shop).await);
    }

    let before = server.resident();
    let mut streams = Vec::new();
    let mut service = TokenServiceClient::new(server.connect().await);
    for number in 0..options.watchers {
        if number % options.share == 0 {
            service = TokenServiceClient::new(server.connect().await);
        }
        streams.push(watch(service.clone()).await);
    }
    let after = server.resident();
    let growth = after.saturating_sub(before);
    let watchers = options.watchers as u64;
    println!(
        "{watchers} watchers: the server's resident memory grew from {before} to {after} KiB, \
         {} KiB each",
        growth / watchers.max(1)
    );

    let clock = Stopwatch::start();
    let mut reading = JoinSet::new();
    for stream in streams {
        reading.spawn(arrivals(stream, options.revocations, clock));
    }
    let answered = revoke_all(&mut shop, tokens, options.rate, clock).await;
    let [mut times, mut last] = [(); 2].map(|()| histogram());
    let mut latest = vec![0; answered.len()];
    while let Some(arrived) = reading.join_next().await {
        let arrived = arrived.expect("a watch that hears everything");
        for ((arrived, answered), latest) in arrived.iter().zip(&answered).zip(&mut latest) {
            // Many hear of it before the one who revoked has its answer.
            let time = arrived.saturating_sub(*answered);
            times.saturating_record(time);
            *latest = time.max(*latest);
        }
    }
    for time in latest {
        last.saturating_record(time);
    }
    println!("{} revocations at {} a second, from OK to arrival:", answered.len(), options.rate);
    print("any watcher", &times);
    print("the last watcher", &last);
    println!("resident memory of the server afterwards: {} KiB", server.resident());
}

/// Of times in µs: to three digits, up to a minute.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds that are sound")
}

fn print(what: &str, times: &Histogram<u64>) {
    let at = |percent| times.value_at_percentile(percent);
    println!(
        "  {what:<18} p50 {:>6} µs  p99 {:>6} µs  max {:>6} µs",
        at(50.0),
        at(99.0),
        times.max()
    );
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
            // It listens before its store is open.
            Err(status) if status.code() == Code::Unavailable => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(status) => panic!("no token: {status}"),
        }
    }
}

/// A watch that is at its first checkpoint.
async fn watch(mut service: Service) -> Streaming<WatchRevocationsResponse> {
    let request = WatchRevocationsRequest::default();
    let request = with_basic(request, "gateway", &Secret::new("gateway-secret"));
    let mut stream = service.watch_revocations(request).await.expect("a watch").into_inner();
    let first = stream.message().await.expect("no error").expect("a response");
    assert!(first.checkpoint);
    stream
}

/// When each revocation was heard of, in µs of `clock`. They come in the order of their answers:
/// each is sent when the one before was answered.
async fn arrivals(
    mut stream: Streaming<WatchRevocationsResponse>,
    revocations: usize,
    clock: Stopwatch,
) -> Vec<u64> {
    let mut arrived = Vec::with_capacity(revocations);
    while arrived.len() < revocations {
        let response = stream.message().await.expect("no error").expect("a response");
        let now = micros(clock);
        arrived.extend(response.revocations.iter().map(|_| now));
    }
    arrived
}

/// Revokes the tokens, each at its time, and says when each was answered, in µs of `clock`.
async fn revoke_all(
    service: &mut Service,
    tokens: Vec<String>,
    rate: u32,
    clock: Stopwatch,
) -> Vec<u64> {
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
        answered.push(micros(clock));
    }
    answered
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run takes minutes")]
fn micros(clock: Stopwatch) -> u64 {
    (clock.seconds() * 1e6) as u64
}
