//! Introspections at a steady rate, with their latencies.

use std::time::Duration;

use jeton::{
    client::{connect, with_basic},
    domain::secret::Secret,
    proto::v1::{
        ClientCredentialsGrant, IntrospectRequest, IssueTokenRequest, issue_token_request::Grant,
        token_service_client::TokenServiceClient,
    },
};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tonic::transport::Channel;

use crate::server::Server;

/// Number of live tokens, which are introspected in turn.
const TOKENS: usize = 200;

/// The load, which ends when it is dropped.
pub(crate) struct Load {
    task: JoinHandle<()>,
    on: watch::Sender<bool>,
    times: tokio::sync::Mutex<UnboundedReceiver<f64>>,
}

impl Load {
    /// Obtains tokens, to introspect them `rate` times a second while the load is on.
    pub(crate) async fn start(server: &Server, rate: u64) -> Self {
        let channel = connect(format!("http://{}", server.grpc)).await.expect("a connection");
        let mut tokens = Vec::new();
        for _ in 0..TOKENS {
            tokens.push(issue(channel.clone()).await);
        }
        let (sender, times) = unbounded_channel();
        let (on, is_on) = watch::channel(false);
        let task = tokio::spawn(call(channel, tokens, rate, is_on, sender));
        Self { task, on, times: times.into() }
    }

    /// Turns the load on or off.
    pub(crate) fn set(&self, on: bool) {
        self.on.send_replace(on);
    }

    /// Returns the seconds of every call that was answered since the last call of this function.
    pub(crate) async fn take(&self) -> Vec<f64> {
        let mut receiver = self.times.lock().await;
        let mut times = Vec::new();
        while let Ok(time) = receiver.try_recv() {
            times.push(time);
        }
        times
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn issue(channel: Channel) -> String {
    let request = IssueTokenRequest {
        client_id: "gateway".into(),
        client_secret: "gateway-secret".into(),
        grant: Some(Grant::ClientCredentials(ClientCredentialsGrant {})),
        ..IssueTokenRequest::default()
    };
    let issued = TokenServiceClient::new(channel).issue_token(request).await;
    issued.expect("a token").into_inner().access_token
}

async fn call(
    channel: Channel,
    tokens: Vec<String>,
    rate: u64,
    mut is_on: watch::Receiver<bool>,
    times: UnboundedSender<f64>,
) {
    let secret = Secret::new("gateway-secret");
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate).expect("a modest rate"));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for token in tokens.iter().cycle() {
        if !*is_on.borrow() {
            // The load was dropped.
            let Ok(_) = is_on.wait_for(|on| *on).await else { return };
            ticks.reset();
        }
        let due = ticks.tick().await;
        let message = IntrospectRequest { token: token.clone(), ..IntrospectRequest::default() };
        let request = with_basic(message, "gateway", &secret);
        let mut client = TokenServiceClient::new(channel.clone());
        let times = times.clone();
        tokio::spawn(async move {
            let answer = client.introspect(request).await;
            assert!(answer.expect("an answer").into_inner().active);
            // The receiver is dropped when the round is over.
            let _gone = times.send(due.elapsed().as_secs_f64());
        });
    }
}

/// Prints and returns p50 and p99 in milliseconds: the medians of the turns' values. A machine that
/// stalls for a moment spoils one turn, not the result.
pub(crate) fn summary(what: &str, turns: Vec<Vec<f64>>) -> (f64, f64) {
    let calls: usize = turns.iter().map(Vec::len).sum();
    let turns: Vec<_> = turns.into_iter().filter(|turn| !turn.is_empty()).map(sorted).collect();
    let median = |hundredth: usize| {
        let of_turns = turns.iter().map(|turn| at(turn, hundredth)).collect();
        at(&sorted(of_turns), 50) * 1_000.0
    };
    let (p50, p99) = (median(50), median(99));
    println!("{what}: {calls} calls in {} turns, p50 {p50:.3} ms, p99 {p99:.3} ms", turns.len());
    (p50, p99)
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

fn at(times: &[f64], hundredth: usize) -> f64 {
    times[(times.len() - 1) * hundredth / 100]
}
