//! An agent gives the service beside it tokens of its own client, if it is asked to, and nothing more.

use std::time::Duration;

use jeton::proto::v1::{
    ClientCredentialsGrant, IssueTokenRequest, IssueTokenResponse, PasswordGrant,
    issue_token_request::Grant, token_service_client::TokenServiceClient,
};
use tokio::time::Instant;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::common::{
    agent::Agent, caller::client_credentials, server::Server, settings::Settings, wait::until,
};

/// A request without credentials.
fn plain(audience: &[&str], scopes: &[&str]) -> IssueTokenRequest {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    IssueTokenRequest {
        grant: Some(Grant::ClientCredentials(ClientCredentialsGrant {})),
        audience: owned(audience),
        scopes: owned(scopes),
        ..IssueTokenRequest::default()
    }
}

/// Asks an agent for a token.
pub(crate) async fn issue(
    stub: &TokenServiceClient<Channel>,
    request: impl tonic::IntoRequest<IssueTokenRequest>,
) -> Result<IssueTokenResponse, Status> {
    stub.clone().issue_token(request).await.map(tonic::Response::into_inner)
}

async fn issuing(server: &Server) -> Agent {
    let flags = ["--listen", "127.0.0.1:0", "--issue-tokens"];
    Agent::start_on(&server.url(), "gateway", &flags).await
}

#[tokio::test]
async fn an_agent_issues_tokens_of_its_own_client_without_credentials_and_keeps_them() {
    let server = Server::start(&Settings::standard()).await;
    let agent = issuing(&server).await;
    agent.hears().await;
    let stub = TokenServiceClient::new(agent.connect().await);

    let first = issue(&stub, plain(&["billing"], &["read"])).await.expect("a token");
    let gateway = server.caller("gateway").await;
    let known = gateway.introspect(&first.access_token).await;
    assert_eq!((known.active, &*known.client_id, &*known.subject), (true, "gateway", "gateway"));
    assert_eq!((known.audience, &known.scopes), (vec!["billing".to_owned()], &first.scopes));
    assert_eq!((&*first.token_type, &*first.refresh_token), ("Bearer", ""));
    assert_eq!(first.grant_id, known.grant_id);

    // The same one for as long as it is good, and another one for other scopes.
    let again = issue(&stub, plain(&["billing"], &["read"])).await.expect("a token");
    assert_eq!(again.access_token, first.access_token);
    assert!((1..=first.expires_in).contains(&again.expires_in), "{}", again.expires_in);
    let other = issue(&stub, plain(&["billing"], &["write"])).await.expect("a token");
    assert_ne!(other.access_token, first.access_token);
    assert_eq!(other.scopes, ["write"]);
    let every = issue(&stub, plain(&[], &[])).await.expect("a token");
    let known = gateway.introspect(&every.access_token).await;
    assert!(!known.audience.iter().any(|service| service == "jeton"), "{:?}", known.audience);

    // One that was revoked is not given to anybody.
    gateway.revoke(&first.access_token).await.expect("revoked");
    until("another token", async || {
        let next = issue(&stub, plain(&["billing"], &["read"])).await.expect("a token");
        next.access_token != first.access_token
    })
    .await;

    // It gives the tokens that it has without a server, too.
    let home = server.kill().await;
    let kept = issue(&stub, plain(&["billing"], &["write"])).await.expect("a token");
    assert_eq!(kept.access_token, other.access_token);
    let unknown = issue(&stub, plain(&["billing"], &["read", "write"])).await;
    assert_eq!(unknown.expect_err("no server").code(), Code::Unavailable);
    assert!(!agent.log().contains(&other.access_token), "no token is in the log");
    agent.stop().await;
    drop(home);
}

#[tokio::test]
async fn an_agent_issues_nothing_that_gives_more_than_it_has_or_is_not_its_own() {
    let server = Server::start(&Settings::standard()).await;
    let agent = issuing(&server).await;
    agent.hears().await;
    let stub = TokenServiceClient::new(agent.connect().await);
    let refused = async |request: Request<IssueTokenRequest>| {
        issue(&stub, request).await.expect_err("it is refused").code()
    };

    // With it, the service could introspect at the server as the agent does.
    for audience in [&["jeton"][..], &["billing", "jeton"]] {
        assert_eq!(refused(Request::new(plain(audience, &[]))).await, Code::InvalidArgument);
    }
    for (audience, scopes) in [("nowhere", "read"), ("billing", "everything")] {
        let request = plain(&[audience], &[scopes]);
        assert_eq!(refused(Request::new(request)).await, Code::InvalidArgument);
    }

    let password = Grant::Password(PasswordGrant {
        username: "alice".to_owned(),
        password: "alice-password".to_owned(),
    });
    for request in [
        IssueTokenRequest { client_id: "gateway".to_owned(), ..client_credentials() },
        IssueTokenRequest { client_secret: "gateway-secret".to_owned(), ..client_credentials() },
        IssueTokenRequest { ttl: Some(prost_types::Duration::default()), ..client_credentials() },
        IssueTokenRequest { grant: Some(password), ..IssueTokenRequest::default() },
        IssueTokenRequest::default(),
    ] {
        assert_eq!(refused(Request::new(request)).await, Code::Unimplemented);
    }
    let mut authorized = Request::new(client_credentials());
    let basic = "Basic Z2F0ZXdheTpnYXRld2F5LXNlY3JldA==".parse().expect("a header");
    authorized.metadata_mut().insert("authorization", basic);
    assert_eq!(refused(authorized).await, Code::Unimplemented);
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_spelt_otherwise_gets_the_same_token_and_one_beyond_the_rules_of_names_none() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let agent = issuing(&server).await;
    agent.hears().await;
    let stub = TokenServiceClient::new(agent.connect().await);
    let first = issue(&stub, plain(&["billing"], &["read", "write"])).await.expect("a token");
    for (audience, scopes) in [
        (&["billing"; 2][..], &["read", "write"][..]),
        (&["billing"; 40], &["read", "write", "read"]),
        (&["billing"], &["write", "read"]),
    ] {
        let again = issue(&stub, plain(audience, scopes)).await.expect("a token");
        assert_eq!(again.access_token, first.access_token, "{audience:?} {scopes:?}");
    }
    let many = |most: usize| (0..=most).map(|n| format!("n{n}")).collect::<Vec<_>>();
    for (audience, scopes) in [(many(16), Vec::new()), (Vec::new(), many(64))] {
        let request = IssueTokenRequest { audience, scopes, ..plain(&[], &[]) };
        assert_eq!(issue(&stub, request).await.expect_err("refused").code(), Code::InvalidArgument);
    }
    agent.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn kinds_of_tokens_are_new_at_a_rate_and_those_that_are_kept_cost_nothing_of_it() {
    let server = Server::start(&Settings::standard()).await;
    let agent = issuing(&server).await;
    agent.hears().await;
    let stub = TokenServiceClient::new(agent.connect().await);
    let kept = plain(&["billing"], &["read"]);
    let first = issue(&stub, kept.clone()).await.expect("a token");
    let began = Instant::now();
    for _ in 0..100 {
        let again = issue(&stub, kept.clone()).await.expect("a token");
        assert_eq!(again.access_token, first.access_token);
    }
    // One that the server refuses is a kind, too.
    let mut new = 1;
    let refusal = loop {
        let refused = issue(&stub, plain(&["billing"], &[&format!("s{new}")])).await;
        let refused = refused.expect_err("no such scope");
        if refused.code() == Code::ResourceExhausted {
            break refused;
        }
        assert_eq!(refused.code(), Code::InvalidArgument);
        new += 1;
        assert!(new <= 65 + began.elapsed().as_secs(), "{new} new kinds");
    };
    assert!(new >= 64, "{new} new kinds");
    let details = refusal.get_error_details();
    assert_eq!(details.error_info().map(|info| &*info.reason), Some("RATE_LIMITED"));
    let pause = details.retry_info().and_then(|info| info.retry_delay);
    assert!(pause.is_some_and(|pause| pause <= Duration::from_secs(1)), "{pause:?}");
    agent.stop().await;
    server.stop().await;
}
