//! `jeton token watch`: a line for each revocation, and a way on when it is cut off.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;

use crate::{
    common::{
        caller::client_credentials,
        home::Home,
        server::Server,
        settings::Settings,
        wait::{LIMIT, until},
    },
    jeton::Jeton,
};

/// The command under way.
struct Tail {
    child: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(server: &Server, arguments: &str) -> Self {
        let jeton = Jeton::new(arguments).with("JETON_SERVER", server.url());
        let jeton = jeton.with("JETON_CLIENT_ID", "gateway");
        let mut command = jeton.with("JETON_CLIENT_SECRET", "gateway-secret").command();
        let mut child = command.spawn().expect("jeton starts");
        let output = BufReader::new(child.stdout.take().expect("its standard output is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            // Ends when nobody reads any more.
            output.lines().try_for_each(|line| sender.send(line.expect("a line in UTF-8")))
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).expect("a line")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("an object")
    }

    /// Presses Ctrl-C, and hands back the exit code and what was said.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
        let code = self.child.wait().expect("its end").code();
        let mut said = String::new();
        let errors = self.child.stderr.as_mut().expect("its standard error is piped");
        errors.read_to_string(&mut said).expect("UTF-8");
        (code, said)
    }
}

async fn watched(server: &Server) {
    let ops = server.ops().await;
    until("to watch", async || ops.metrics().await.count("jeton_watchers") == 1).await;
}

/// Revokes a token, and returns its grant.
async fn revoke(server: &Server) -> String {
    let shop = server.caller("shop").await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&issued.access_token).await.expect("revoked");
    issued.grant_id
}

/// The cursor in the last line that was said.
fn named(said: &str) -> &str {
    let last = said.lines().last().expect("a line");
    last.strip_prefix("jeton: to go on from here: --cursor ").expect("a cursor")
}

#[tokio::test]
async fn each_revocation_is_a_line_and_an_interrupted_tail_goes_on_from_its_cursor() {
    let server = Server::start(&Settings::standard()).await;
    let tail = Tail::start(&server, "token watch");
    assert_eq!(tail.line(), "TIME                      EVENT                 NAMES");
    watched(&server).await;
    let first = revoke(&server).await;
    let line = tail.line();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells[1..], ["grant_ended", &first], "{line}");
    assert!(cells[0].ends_with('Z'), "{line}");
    let (code, said) = tail.interrupt();
    assert_eq!(code, Some(0), "{said}");

    let missed = revoke(&server).await;
    let resume = format!("token watch --output json --cursor {}", named(&said));
    let tail = Tail::start(&server, &resume);
    let object = tail.json();
    assert_eq!((&object["event"], &object["grant_id"]), (&"grant_ended".into(), &missed.into()));
    let cursor = object["cursor"].as_str().expect("the place behind it").to_owned();
    let (code, said) = tail.interrupt();
    assert_eq!((code, named(&said)), (Some(0), cursor.as_str()));
    let tail = Tail::start(&server, "token watch --output json --snapshot");
    assert!((0..32).any(|_| tail.json()["grant_id"] == *first), "what is kept");
    server.stop().await;
}

#[tokio::test]
async fn a_tail_outlives_its_server_and_says_so() {
    let settings = Settings::standard();
    let address = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr();
    let address = address.expect("its address").to_string();
    let start = async |home: Home| {
        let mut server = Server::spawn(home, &settings, address.clone());
        server.serving().await;
        server
    };
    let server = start(Home::new()).await;
    let tail = Tail::start(&server, "token watch --output json");
    watched(&server).await;
    let first = revoke(&server).await;
    assert_eq!(tail.json()["grant_id"], *first);
    let home = server.kill().await;
    let server = start(home).await;
    let second = revoke(&server).await;
    assert_eq!(tail.json()["grant_id"], *second, "revoked before or while it came back");
    let (code, said) = tail.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("; going on from "), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_that_is_none_or_of_another_store_is_said_to_be() {
    let server = Server::start(&Settings::standard()).await;
    let refused = |cursor: &str| {
        let jeton = Jeton::new("token watch --output json").with("JETON_SERVER", server.url());
        let jeton = jeton.with("JETON_CLIENT_ID", "gateway").and("--cursor").and(cursor);
        jeton.with("JETON_CLIENT_SECRET", "gateway-secret").run()
    };
    refused("nonsense").failed(1, &["INVALID_REQUEST", "cursor: is no cursor"]);
    let ahead = "0".repeat(22) + "LygHa16AHYF";
    refused(&ahead).failed(1, &["CURSOR_OUT_OF_RANGE", "--snapshot"]);
    server.stop().await;
}
