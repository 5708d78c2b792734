//! An agent whose identity is a projected token: the file is renewed, missing, garbage and out of date.

use jeton::{
    client::{Credentials, TokenClient},
    proto::v1::{ClientCredentialsGrant, IssueTokenRequest, issue_token_request::Grant},
};
use serde_json::json;

use crate::{
    common::{
        agent::Agent, caller::client_credentials, command, home::Home, now::seconds, wait::until,
    },
    scene::{ACCOUNT, Projected, World, claims, token, with},
};

async fn start(world: &World, place: Home, file: &Projected) -> Agent {
    let (url, path) = (world.server.url(), file.path());
    let flags = ["--server", &*url, "--client-id", "edge", "--listen", "127.0.0.1:0"];
    let flags = [&flags[..], &["--issue-tokens", "--assertion-file", &*path]].concat();
    Agent::start_in(place, &flags, &[]).await
}

/// Asks the agent for a token of a kind that was not asked for before, so that it asks the server.
async fn issues(agent: &Agent, scope: &str) -> bool {
    let request = IssueTokenRequest {
        grant: Some(Grant::ClientCredentials(ClientCredentialsGrant {})),
        audience: vec!["billing".to_owned()],
        scopes: vec![scope.to_owned()],
        ..IssueTokenRequest::default()
    };
    let client = TokenClient::new(agent.connect().await, Credentials::Unadded);
    client.issue_token(request).await.is_ok()
}

#[tokio::test]
async fn an_agent_starts_without_its_token_and_hears_the_server_once_there_is_a_good_one() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    let agent = start(&world, place, &file).await;
    let refused = async |words: &str| {
        until("to be logged", async || agent.log().contains(words)).await;
        assert_eq!(agent.ops().get("/readyz").await.0, 503, "{words}");
    };
    refused("the agent's assertion cannot be used").await;
    refused("No such file").await;
    let private =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n";
    file.put(private);
    refused("it holds no signed JWT").await;
    let now = seconds();
    let past = with(claims(&ACCOUNT.replace("orders", "edge"), "7c1b"), "iat", json!(now - 900));
    let past = world.prod.token(&with(past, "exp", json!(now - 60)));
    file.put(&past);
    refused("its assertion has expired").await;
    // Of another cluster with the same `iss`.
    let foreign = world.test.token(&claims(&ACCOUNT.replace("orders", "edge"), "7c1b"));
    file.put(&foreign);
    refused("the agent's assertion can be used again").await;
    refused("the client's own credentials are refused").await;
    assert!(
        agent.ops().metrics().await.count("jeton_agent_own_tokens_total{outcome=\"refused\"}") > 0
    );

    let good = token(&world, "edge");
    file.put(&good);
    agent.hears().await;
    let metrics = agent.ops().metrics().await;
    assert!(
        metrics.count("jeton_agent_own_tokens_total{outcome=\"issued\"}") > 0,
        "{}",
        metrics.text
    );
    let end = metrics.count("jeton_agent_assertion_expire_timestamp_seconds");
    assert!((now + 590..=now + 700).contains(&end), "{end}");
    for shown in [&past, &foreign, &good] {
        for part in shown.split('.') {
            assert!(!agent.log().contains(part) && !metrics.text.contains(part));
        }
    }
    assert!(!agent.log().contains("MC4CAQ"));
    agent.stop().await;
    world.server.stop().await;
}

#[tokio::test]
async fn an_agent_shows_the_token_that_the_kubelet_has_swapped_in() {
    let world = World::start().await;
    let place = Home::new();
    let mut file = Projected::at(place.path());
    file.put(&token(&world, "edge"));
    let agent = start(&world, place, &file).await;
    agent.hears().await;
    assert!(issues(&agent, "read").await);
    // An account that is no client: nothing was kept of the token before.
    file.put(&token(&world, "stranger"));
    assert!(!issues(&agent, "write").await);
    file.remove();
    assert!(!issues(&agent, "write").await);
    file.put(&format!("{}\n", token(&world, "edge")));
    until("the next one", async || issues(&agent, "write").await).await;
    assert_eq!(agent.ops().get("/readyz").await.0, 200);

    let caller = world.server.caller("shop").await;
    let shown = caller.issue(client_credentials()).await.expect("a token");
    let asked = crate::common::caller::Caller::new(agent.connect().await, "nobody");
    assert!(asked.is_active(&shown.access_token).await);
    agent.stop().await;
    world.server.stop().await;
}

#[test]
fn what_an_agent_would_show_is_examined_without_a_server() {
    let place = Home::new();
    let mut file = Projected::at(place.path());
    let check = |more: &[&str], environment: &[(&str, &str)]| {
        let path = file.path();
        let flags = ["check", "agent", "--client-id", "edge", "--assertion-file", &*path];
        let mut command = command::jeton(&place, &[&flags[..], more].concat());
        let output = command.envs(environment.iter().copied()).output().expect("it runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = check(&[], &[]);
    assert!(code == Some(1) && text.contains("projected/token: No such file"), "{text}");
    let (code, text) = check(&[], &[("JETON_CLIENT_SECRET", "edge-secret")]);
    assert!(code == Some(2) && text.contains("both prove who calls") && !text.contains("edge-s"));
    std::fs::write(place.path().join("secret"), "edge-secret").expect("a file");
    let (code, text) = check(&["--client-secret-file", "secret"], &[]);
    assert!(code == Some(2) && text.contains("both prove"), "{text}");
    file.put("eyJhbGciOiJFUzI1NiJ9.e30.c2ln");
    assert_eq!(check_again(&place, &file), (Some(0), "agent: good\n".to_owned()));
}

fn check_again(place: &Home, file: &Projected) -> (Option<i32>, String) {
    let path = file.path();
    let flags = ["check", "agent", "--client-id", "edge", "--assertion-file", &*path];
    let output = command::run(place, &flags);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code(), text)
}
