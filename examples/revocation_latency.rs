//! The delay of a revocation between two instances: from the OK of `RevokeToken` at one instance to
//! the first "not active" at the other.
//!
//!     cargo run --release --example revocation_latency -- \
//!         --revoke-at http://127.0.0.1:50051 --introspect-at http://127.0.0.1:50052
//!
//! The second instance has the token in memory and is asked for it continuously, with one question
//! after the other on one connection: the times are as precise as one question is long.
//! `benches/cluster.py` runs it.

use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use jeton::{
    client::{Basic, Credentials, TokenClient, endpoint},
    domain::secret::Secret,
    proto::v1::{
        ClientCredentialsGrant, IntrospectRequest, IssueTokenRequest, RevokeTokenRequest,
        issue_token_request::Grant,
    },
};
use tokio::time::{Instant, sleep, timeout};

/// Time limit, far beyond any `max_staleness`.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Parser)]
struct Options {
    /// The instance that revokes.
    #[arg(long)]
    revoke_at: String,
    /// The instance that introspects.
    #[arg(long)]
    introspect_at: String,
    /// A client that may use client credentials and introspect its own tokens.
    #[arg(long, default_value = "gateway")]
    client_id: String,
    /// The client's secret.
    #[arg(long, env = "JETON_CLIENT_SECRET", hide_env_values = true)]
    client_secret: String,
    /// Number of tokens to revoke, one after the other.
    #[arg(long, default_value_t = 1_000)]
    count: u64,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let secret = Secret::new(options.client_secret.as_str());
    let client = async |url: &str| {
        let channel = endpoint(url.to_owned()).expect("a URL").connect().await.expect("a server");
        let basic = Basic::new(&options.client_id, &secret);
        TokenClient::new(channel, Credentials::Basic(basic))
    };
    let (one, other) = (client(&options.revoke_at).await, client(&options.introspect_at).await);
    let mut times = Histogram::<u64>::new_with_bounds(1, 120_000_000, 3).expect("sound bounds");
    for number in 0..options.count {
        let token = issue(&one).await;
        assert!(is_active(&other, &token).await, "a new token is good");
        // The pause varies, so that revocations fall anywhere between two database reads of the
        // second instance.
        sleep(Duration::from_micros(number * 7_919 % 100_000)).await;
        let time = revoke(&one, &other, token).await;
        times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    }
    let at = |percent| {
        let micros = u32::try_from(times.value_at_percentile(percent)).unwrap_or(u32::MAX);
        f64::from(micros) / 1e3
    };
    println!(
        "{} revocations: refused by the other instance after p50 {:.1} ms, p90 {:.1} ms, \
         p99 {:.1} ms, at most {:.1} ms",
        times.len(),
        at(50.0),
        at(90.0),
        at(99.0),
        at(100.0)
    );
}

async fn issue(client: &TokenClient) -> String {
    let grant = Some(Grant::ClientCredentials(ClientCredentialsGrant {}));
    let request = IssueTokenRequest { grant, ..IssueTokenRequest::default() };
    client.issue_token(request).await.expect("a token").access_token
}

async fn is_active(client: &TokenClient, token: &str) -> bool {
    let request = IntrospectRequest { token: token.to_owned(), ..IntrospectRequest::default() };
    client.introspect(request).await.expect("an answer").active
}

/// Returns the time after the revocation until the other instance refused the token.
async fn revoke(one: &TokenClient, other: &TokenClient, token: String) -> Duration {
    let (asked, shown) = (other.clone(), token.clone());
    let refused = tokio::spawn(async move {
        while is_active(&asked, &shown).await {}
        Instant::now()
    });
    let request = RevokeTokenRequest { token, ..RevokeTokenRequest::default() };
    one.revoke_token(request).await.expect("revoked");
    let revoked = Instant::now();
    let refused = timeout(PATIENCE, refused).await.expect("refused in the end").expect("answers");
    // The token can be refused before the revocation is answered.
    refused.saturating_duration_since(revoked)
}
