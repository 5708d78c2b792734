//! An agent answers as the server does, from memory, and says that it cannot decide where it cannot prove it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use jeton::proto::v1::{BatchIntrospectRequest, IntrospectRequest, IssueTokenRequest, TokenKind};
use rustix::process::getegid;
use tokio::net::UnixStream;
use tonic::{Code, transport::Endpoint};

use crate::{
    bearers::{Case, Table, cases},
    common::{
        agent::Agent,
        caller::{Caller, client_credentials},
        command,
        home::Home,
        server::Server,
        settings::Settings,
        wait::until,
    },
    envoy::{Envoy, denied, joined, route_of},
    http::{ask_over, bearer, check, query_of},
};

async fn token(caller: &Caller) -> String {
    caller.issue(client_credentials()).await.expect("a token").access_token
}

async fn is_ready(agent: &Agent) -> bool {
    agent.ops().get("/readyz").await.0 == 200
}

#[tokio::test]
async fn an_agent_decides_every_case_as_the_table_does_over_both_wires() {
    let server = Server::start(&Settings::standard()).await;
    let agent = Agent::start(&server.url(), "gateway").await;
    until("to hear the server", async || is_ready(&agent).await).await;
    let envoy = Envoy::over(agent.connect().await, server.caller("gateway").await);
    let address = agent.check_address();
    let shop = server.caller("shop").await;
    let issued = shop.issue(IssueTokenRequest {
        scopes: vec!["read".to_owned()],
        audience: vec!["billing".to_owned()],
        ..client_credentials()
    });
    let good = issued.await.expect("a token").access_token;
    let ended = token(&shop).await;
    shop.revoke(&ended).await.expect("revoked");
    let table = Table { good: good.clone(), scope: "read" };
    for Case { requirement, authorizations } in cases(&good, &ended) {
        let decided = table.decide(&requirement, &authorizations).await;
        let http = check(&address, &query_of(&requirement), &authorizations).await;
        let answer = envoy.ask(&route_of(&requirement), joined(&authorizations)).await;
        let answer = answer.expect("an answer");
        let (code, status) = match &decided {
            Ok(_) => (Code::Ok, 200),
            Err(denial) => (denial.code(), denial.http().as_u16()),
        };
        let case = format!("{requirement:?} {authorizations:?}");
        assert_eq!(http.status, status, "{case}");
        assert_eq!(answer.status.map(|status| status.code), Some(code.into()), "{case}");
    }
    assert!(!agent.log().contains(&good), "no token is in the log");
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_agent_says_what_the_server_says_and_hears_of_revocations() {
    let server = Server::start(&Settings::standard()).await;
    let agent = Agent::start(&server.url(), "billing").await;
    until("to hear the server", async || is_ready(&agent).await).await;
    let asked = Caller::new(agent.connect().await, "gateway");
    let shop = server.caller("shop").await;
    let alice = shop.log_in().await;
    let expected = server.caller("billing").await.introspect(&alice.access_token).await;
    let mut answer = asked.try_introspect(&alice.access_token).await.expect("an answer");
    // Fields for callers that keep answers, which an agent's callers do not.
    assert_eq!((answer.cache_ttl.take(), answer.feed_position), (None, 0));
    answer.cache_ttl = expected.cache_ttl;
    answer.feed_position = expected.feed_position;
    assert_eq!(answer, expected);

    let tokens =
        vec![alice.access_token.clone(), "garbage".to_owned(), alice.refresh_token.clone()];
    let batch = asked.stub.clone().batch_introspect(BatchIntrospectRequest { tokens }).await;
    let batch = batch.expect("answers").into_inner().results;
    assert_eq!(batch.iter().map(|answer| answer.active).collect::<Vec<_>>(), [true, false, false]);

    shop.revoke(&alice.refresh_token).await.expect("revoked");
    until("to hear of the revocation", async || {
        !asked.try_introspect(&alice.access_token).await.expect("an answer").active
    })
    .await;

    let refresh = IntrospectRequest {
        token: alice.refresh_token.clone(),
        expected_kind: TokenKind::Refresh.into(),
        ..Default::default()
    };
    let refused = asked.stub.clone().introspect(refresh).await.expect_err("the server's business");
    assert_eq!(refused.code(), Code::Unimplemented);
    let refused = asked.stub.clone().issue_token(client_credentials()).await;
    assert_eq!(refused.expect_err("the server's business").code(), Code::Unimplemented);
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_agent_without_a_server_cannot_decide_and_never_says_inactive() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let (address, url) = (server.address().to_owned(), server.url());
    let shop = server.caller("shop").await;
    let good = token(&shop).await;
    let home = server.stop().await;

    let agent = Agent::start(&url, "gateway").await;
    let (status, why) = agent.ops().get("/readyz").await;
    assert_eq!(status, 503);
    assert!(["starting\n", "the server is not heard\n"].contains(&&*why), "{why}");
    let asked = Caller::new(agent.connect().await, "gateway");
    let unknown = asked.try_introspect(&good).await.expect_err("it cannot be known");
    assert_eq!(unknown.code(), Code::Unavailable);
    let http = check(&agent.check_address(), "audience=billing", &bearer(&good)).await;
    assert_eq!(http.status, 503);
    assert!(http.header("retry-after").is_some());

    let mut server = Server::spawn(home, &settings, address);
    server.serving().await;
    until("to hear the server", async || is_ready(&agent).await).await;
    until("the token to be good", async || {
        asked.try_introspect(&good).await.is_ok_and(|answer| answer.active)
    })
    .await;

    let home = server.kill().await;
    until("to be unable to decide", async || match asked.try_introspect(&good).await {
        Ok(answer) => {
            assert!(answer.active, "good until that cannot be proven");
            false
        }
        Err(status) => {
            assert_eq!(status.code(), Code::Unavailable);
            true
        }
    })
    .await;
    let envoy = Envoy::over(agent.connect().await, shop);
    let answer = envoy.check(&[("audience", "billing")], Some(&good)).await;
    assert_eq!(denied(&answer).0, 503);
    until("to say so", async || !is_ready(&agent).await).await;
    agent.stop().await;
    drop(home);
}

#[tokio::test]
async fn an_agent_answers_on_sockets_of_the_file_system_that_say_who_may_connect() {
    let server = Server::start(&Settings::standard()).await;
    let sockets = ["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
    let flags = [&sockets[..], &["--socket-mode", "0660"]].concat();
    let agent = Agent::start_on(&server.url(), "gateway", &flags).await;
    until("to hear the server", async || is_ready(&agent).await).await;
    let good = token(&server.caller("shop").await).await;
    let place = |name: &str| agent.home().path().join(name);
    for name in ["agent.sock", "check.sock"] {
        let mode = place(name).metadata().expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o660, "{name}");
    }
    let endpoint = Endpoint::from_shared(format!("unix:{}", place("agent.sock").display()));
    let channel = endpoint.expect("a path").connect().await.expect("a connection");
    let answer = Caller::new(channel, "gateway").try_introspect(&good).await;
    assert!(answer.expect("an answer").active);

    let stream = UnixStream::connect(place("check.sock")).await.expect("a connection");
    let lines = [format!("authorization: Bearer {good}")];
    let answer = ask_over(stream, "GET", "/check?audience=billing", &lines).await;
    assert_eq!((answer.status, answer.header("x-jeton-subject")), (200, Some("shop")));
    let home = agent.stop().await;
    assert!(!home.path().join("agent.sock").exists() && !home.path().join("check.sock").exists());
    server.stop().await;
}

#[tokio::test]
async fn an_agent_that_is_stopped_answers_the_calls_under_way_and_takes_no_more() {
    let server = Server::start(&Settings::standard()).await;
    let agent = Agent::start(&server.url(), "gateway").await;
    until("to hear the server", async || is_ready(&agent).await).await;
    let good = token(&server.caller("shop").await).await;
    let caller = Caller::new(agent.connect().await, "gateway");
    let asked = || async {
        let metrics = agent.ops().metrics().await;
        metrics.count(r#"jeton_agent_tokens_total{answer="asked"}"#)
    };
    assert_eq!(asked().await, 0);
    server.signal("STOP");
    let waiting = tokio::spawn(async move { caller.try_introspect(&good).await });
    until("the question to be under way", async || asked().await == 1).await;
    agent.signal("TERM");
    let draining = || async { agent.ops().get("/readyz").await == (503, "draining\n".to_owned()) };
    until("the agent to drain", draining).await;
    let newcomer = Endpoint::from_shared(format!("http://{}", agent.address())).expect("a URL");
    until("new connections to be refused", async || newcomer.connect().await.is_err()).await;
    server.signal("CONT");
    assert!(waiting.await.expect("an end").expect("an answer").active);
    agent.ended().await;
    server.stop().await;
}

#[tokio::test]
async fn an_agent_takes_its_settings_from_a_file_over_which_variables_stand() {
    let server = Server::start(&Settings::standard()).await;
    let file = format!(
        "[agent]\nserver = '{}'\nclient_id = 'gateway'\nlisten = 'unix:agent.sock'\n\
         check_listen = 'unix:other.sock'\nsocket_owner = ':{}'\n",
        server.url(),
        getegid().as_raw()
    );
    let home = Home::new();
    fs::write(home.path().join("agent.toml"), &file).expect("a file");
    let flags = ["--config", "agent.toml"];
    let variables = [
        ("JETON_CLIENT_SECRET", "gateway-secret"),
        ("JETON_AGENT_CHECK_LISTEN", "unix:check.sock"),
    ];
    let agent = Agent::start_in(home, &flags, &variables).await;
    agent.hears().await;
    let is_there = |name: &str| agent.home().path().join(name).exists();
    assert!(is_there("agent.sock") && is_there("check.sock") && !is_there("other.sock"));

    let changed = file.replace("agent.sock", "moved.sock") + "[log]\nfilter = 'debug'\n";
    fs::write(agent.home().path().join("agent.toml"), changed).expect("a file");
    agent.signal("HUP");
    for line in ["[log] was read again", "these settings have changed and need a restart"] {
        until("to be read again", async || agent.log().contains(line)).await;
    }
    assert!(is_ready(&agent).await && is_there("agent.sock") && !is_there("moved.sock"));
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_agent_describes_itself_to_everybody_who_may_ask() {
    let server = Server::start(&Settings::standard()).await;
    let sockets = ["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
    let agent = Agent::start_on(&server.url(), "gateway", &sockets).await;
    agent.hears().await;
    let good = token(&server.caller("shop").await).await;
    for _ in 0..2 {
        let lines = [format!("authorization: Bearer {good}")];
        let socket = UnixStream::connect(agent.home().path().join("check.sock")).await;
        let stream = socket.expect("a connection");
        assert_eq!(ask_over(stream, "GET", "/check?audience=billing", &lines).await.status, 200);
    }
    let status = || {
        let url = format!("unix:{}", agent.home().path().join("agent.sock").display());
        let arguments = ["status", "--server", &url, "--output", "json"];
        let said = command::run(agent.home(), &arguments);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        serde_json::from_slice::<serde_json::Value>(&said.stdout).expect("JSON")
    };
    let said = status();
    assert_eq!((&said["asks"], &said["client_id"]), (&server.url().into(), &"gateway".into()));
    assert_eq!((&said["proven"], &said["max_staleness"]), (&true.into(), &"2s".into()));
    assert_eq!(
        (&said["check"], &said["remembered_tokens"]),
        (&"unix:check.sock".into(), &1.into())
    );
    assert_eq!((&said["answers"]["remembered"], &said["answers"]["asked"]), (&1.into(), &1.into()));
    assert!(said["own_token_expire_time"].as_str() > said["agent_time"].as_str(), "{said}");
    assert_eq!(said["last_error"], serde_json::Value::Null, "{said}");

    server.stop().await;
    until("to say that nothing is proven", async || {
        let said = status();
        said["proven"] == false && said["last_error"].is_string()
    })
    .await;
    agent.stop().await;
}

#[test]
fn every_fault_of_an_agents_file_is_said_with_its_place_and_no_value() {
    let home = Home::new();
    let faulty =
        "[agent]\nserver = 'http://a:hunter2@b'\nsocket_owner = 'hunter2'\n[agnet]\n[grpc]\n";
    fs::write(home.path().join("agent.toml"), faulty).expect("a file");
    for command in [&["agent"][..], &["check", "agent"]] {
        let said = command::fail(&home, &[command, &["--config", "agent.toml"]].concat());
        for fault in
            ["2:1: agent.server: must", "3:1: agent.socket_owner: this machine", "4:2: unknown"]
        {
            assert!(said.contains(&format!("agent.toml:{fault}")), "{said}");
        }
        assert!(said.contains("did you mean \"agent\"?") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn an_agent_listens_where_only_its_machine_reaches_it() {
    let home = Home::new();
    for flag in ["--listen", "--check-listen"] {
        let arguments = ["agent", "--client-id", "gateway", flag, "0.0.0.0:0"];
        let said = command::fail(&home, &arguments);
        assert!(said.contains("other machines reach this address"), "{said}");
    }
}

#[test]
fn an_agent_without_a_socket_takes_no_mode_and_no_owner_of_one() {
    let home = Home::new();
    for flags in [["--socket-mode", "0660"], ["--socket-owner", ":33"]] {
        let said =
            command::run(&home, &[&["agent", "--client-id", "gateway"], &flags[..]].concat());
        assert_eq!(said.status.code(), Some(1));
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("is for a listener on unix: and a path"), "{said}");
    }
}
