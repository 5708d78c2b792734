//! The page at `/` of the ops listener: figures without scripts, events that are bounded, and no names.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::common::{
    admin::with_admin,
    caller::with_password,
    ops::Ops,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

/// Streams that are served at a time.
const MOST: usize = 16;

/// The head and the body of a GET.
async fn get(ops: &Ops, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(&ops.address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    within("to answer", stream.read_to_string(&mut answer)).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_lowercase(), body.to_owned())
}

/// A stream of events, read so far.
struct Events {
    stream: TcpStream,
    read: String,
}

impl Events {
    async fn of(ops: &Ops) -> Self {
        let mut stream = TcpStream::connect(&ops.address).await.expect("a connection");
        let request = b"GET /events HTTP/1.1\r\nhost: ops\r\n\r\n";
        stream.write_all(request).await.expect("a request");
        Self { stream, read: String::new() }
    }

    /// Reads until it has the text; `false` if it ends before.
    async fn reads(&mut self, text: &str) -> bool {
        let mut bytes = vec![0; 16 << 10];
        while !self.read.contains(text) {
            match within("to get an event", self.stream.read(&mut bytes)).await {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.read += &String::from_utf8_lossy(&bytes[..read]),
            }
        }
        true
    }
}

#[tokio::test]
async fn the_page_has_state_figures_and_refusals_by_cause_and_names_nobody() {
    let server = Server::start(&with_admin()).await;
    let (shop, ops) = (server.caller("shop").await, server.ops().await);
    let tokens = shop.log_in().await;
    let wrong = with_password("alice", "wrong");
    assert_refused(shop.issue(wrong).await, Code::Unauthenticated, "INVALID_GRANT");
    until("to show what was refused", async || {
        ops.get("/").await.1.contains("<th scope=\"row\">wrong_password</th>")
    })
    .await;
    let (_, html) = get(&ops, "/").await;
    for part in ["✓ Ready", "href=\"/livez\"", "href=\"/readyz\"", "href=\"/metrics\""] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("Token/IssueToken") && html.contains("<dt>grants</dt><dd>1</dd>"));
    for name in ["alice", "shop", &tokens.access_token, &tokens.refresh_token] {
        assert!(!html.contains(name), "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_browser_runs_the_pages_own_script_alone_and_talks_to_no_other_origin() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let (head, html) = get(&ops, "/").await;
    for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
        let (_, rest) = html.split_once(&format!("<{tag}>")).expect("it begins");
        let (content, _) = rest.split_once(&format!("</{tag}>")).expect("it ends");
        let digest = STANDARD.encode(Sha256::digest(content)).to_lowercase();
        assert!(head.contains(&format!("{directive} 'sha256-{digest}'")), "{tag}: {head}");
    }
    let policy = ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "nosniff"];
    for part in policy.into_iter().chain(["cross-origin-resource-policy: same-origin"]) {
        assert!(head.contains(part), "{part}: {head}");
    }
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("src="));
    // Nothing is changed here.
    let mut stream = TcpStream::connect(&ops.address).await.expect("a connection");
    let post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(post).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn events_bring_new_figures_and_the_drain_at_once() {
    let settings = Settings::standard().set("serve", "drain_delay", "1s");
    let server = Server::start(&settings).await;
    let ops = server.ops().await;
    let mut events = Events::of(&ops).await;
    assert!(events.reads("event: figures\ndata: <title>ready").await, "{}", events.read);
    assert!(events.read.contains("text/event-stream") && events.read.contains("retry: 1000"));
    server.caller("shop").await.log_in().await;
    assert!(events.reads("Token/IssueToken").await, "{}", events.read);
    server.terminate();
    assert!(events.reads("✗ Not ready: draining").await, "{}", events.read);
    server.ended().await;
}

#[tokio::test]
async fn streams_are_bounded_in_number_and_time_and_take_no_place_of_a_probe() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let mut streams = Vec::new();
    for _ in 0..MOST {
        let mut events = Events::of(&ops).await;
        assert!(events.reads("event: figures").await, "{}", events.read);
        streams.push(events);
    }
    let (head, _) = get(&ops, "/events").await;
    assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: 10"), "{head}");
    assert_eq!(ops.get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(get(&ops, "/").await.0.split(' ').nth(1), Some("200"));
    // One that is left makes room, and one that stays ends.
    drop(streams.pop());
    until("to have a place again", async || {
        let mut events = Events::of(&ops).await;
        events.reads("\r\n").await && events.read.starts_with("HTTP/1.1 200 ")
    })
    .await;
    let mut unread = streams.swap_remove(0);
    assert!(!unread.reads("an event that there is not").await, "it ends");
    server.stop().await;
}
