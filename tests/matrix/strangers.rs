//! A flood of strangers at every RPC and every HTTP endpoint: each call is refused, few are a line of the
//! audit each, and the sums beside them account for every other one.

use std::fs;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::{
    callers::settings,
    common::{home::Home, server::Server},
    raw::Connection,
    rpcs::{Access, TABLE},
};

/// Calls of each RPC and of each endpoint.
const CALLS: u64 = 150;

/// Good at every endpoint, but for who sends it.
const STRANGER: &str = "token=jat_made_up&grant_type=password&username=a&password=b";

const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"];

/// A request of a stranger, or of somebody with the name of a public client alone.
async fn post(address: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\ncontent-length: {length}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn refusals_of_strangers_are_rationed_and_summed_up_at_every_rpc_and_endpoint() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = settings().set("audit", "target", &format!("file:{}", path.display()));
    let server = Server::start_at(home, &settings).await;
    let began = Instant::now();
    let mut calls = 0;
    let connection = Connection::open(&server).await;
    for rpc in TABLE.iter().filter(|rpc| rpc.access != Access::Open) {
        for _ in 0..CALLS {
            connection.call(rpc.path, &[], true).await;
            calls += 1;
        }
    }
    let http = server.http_address();
    let refreshed = "grant_type=refresh_token&client_id=kiosk&refresh_token=jrt_made_up";
    for endpoint in ENDPOINTS {
        for _ in 0..CALLS {
            let answer = post(&http, endpoint, STRANGER).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{endpoint}: {answer}");
            calls += 1;
        }
    }
    // The name of a public client proves nothing.
    for (endpoint, body) in
        [("/oauth/token", refreshed), ("/oauth/revoke", "client_id=kiosk&token=jat_made_up")]
    {
        for _ in 0..CALLS {
            post(&http, endpoint, body).await;
            calls += 1;
        }
    }
    let seconds = began.elapsed().as_secs();
    let _home = server.stop().await;

    let text = fs::read_to_string(&path).expect("the audit");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (sums, singles): (Vec<&Value>, Vec<&Value>) =
        lines.iter().partition(|line| line["count"].is_u64());
    let counted: u64 = sums.iter().filter_map(|sum| sum["count"].as_u64()).sum();
    let single = u64::try_from(singles.len()).expect("a number");
    assert_eq!(counted + single, calls, "{text}");
    // The lines that are written at once, ten a second, and those of the time for stopping.
    assert!(single <= 100 + 10 * (seconds + 5), "{single} lines in {seconds} s");
    assert!(!sums.is_empty(), "{text}");
    for sum in &sums {
        let [first, last] = ["first", "last"].map(|time| sum[time].as_str().expect("a time"));
        assert!(first <= last && first.ends_with('Z'), "{sum}");
        assert_eq!((&sum["target"], &sum["peer"]), (&"jeton::audit".into(), &"127.0.0.1".into()));
        assert!(["refused", "nothing"].contains(&sum["outcome"].as_str().expect("an outcome")));
    }
    let kiosk = sums.iter().filter(|sum| sum["client_id"] == "kiosk");
    let events: Vec<_> = kiosk.filter_map(|sum| sum["event"].as_str()).collect();
    assert!(events.contains(&"refresh") && events.contains(&"revoke"), "{text}");
}
