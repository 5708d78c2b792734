//! An agent beside its server, asked by each of its wires.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use jeton::{
    client::validator::Counts,
    proto::{
        envoy::service::auth::v3::{
            AttributeContext, CheckRequest,
            attribute_context::{HttpRequest, Request},
            authorization_client::AuthorizationClient,
        },
        v1::{
            IssueTokenRequest, TokenExchangeGrant, issue_token_request::Grant,
            token_service_client::TokenServiceClient,
        },
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use tonic::transport::{Channel, Endpoint};

use crate::{common::agent::Agent, ledger::Accepts};

/// The service that tokens are exchanged for.
pub(crate) const NEXT: &str = "ledger";

/// An agent, and connections to it.
#[derive(Clone)]
pub(crate) struct AgentDoor(Arc<Inner>);

struct Inner {
    agent: Agent,
    tokens: TokenServiceClient<Channel>,
    envoy: AuthorizationClient<Channel>,
    check: PathBuf,
    exchanges: bool,
}

impl AgentDoor {
    /// Of an agent on sockets that asks the server at that URL. It judges the signed tokens of `issuer`, or else
    /// exchanges tokens.
    pub(crate) async fn start(url: &str, issuer: Option<&str>) -> Self {
        let mut flags = vec!["--listen", "unix:agent.sock", "--check-listen", "unix:check.sock"];
        flags.extend(issuer.map_or(["--exchange-to", NEXT], |issuer| ["--issuer", issuer]));
        let agent = Agent::start_on(url, "gateway", &flags).await;
        let place = |name: &str| agent.home().path().join(name);
        let endpoint = format!("unix:{}", place("agent.sock").display());
        let channel = Endpoint::from_shared(endpoint).expect("a path").connect_lazy();
        let tokens = TokenServiceClient::new(channel.clone());
        let check = place("check.sock");
        let envoy = AuthorizationClient::new(channel);
        Self(Arc::new(Inner { agent, tokens, envoy, check, exchanges: issuer.is_none() }))
    }

    /// The process.
    pub(crate) fn agent(&self) -> &Agent {
        &self.0.agent
    }

    /// Returns whether it hears its server.
    pub(crate) async fn follows(&self) -> bool {
        self.0.agent.ops().get("/readyz").await.0 == 200
    }

    /// Returns the counts of its validator.
    pub(crate) async fn counts(&self) -> Counts {
        let metrics = self.0.agent.ops().metrics().await;
        let mut counts = Counts::default();
        counts.hits = metrics.count(r#"jeton_agent_tokens_total{answer="remembered"}"#);
        counts.asked = metrics.count(r#"jeton_agent_tokens_total{answer="asked"}"#);
        counts.verified = metrics.count(r#"jeton_agent_tokens_total{answer="verified"}"#);
        counts.unanswered = metrics.count(r#"jeton_agent_tokens_total{answer="unanswered"}"#);
        counts.revocations = metrics.count("jeton_agent_revocations_total");
        counts.resumed = metrics.count(r#"jeton_agent_watches_total{outcome="resumed"}"#);
        counts.begun_anew = metrics.count(r#"jeton_agent_watches_total{outcome="begun_anew"}"#);
        counts
    }

    async fn exchanges(&self, token: &str) -> bool {
        let shown = TokenExchangeGrant { subject_token: token.to_owned(), ..Default::default() };
        let grant = Some(Grant::TokenExchange(shown));
        let request = IssueTokenRequest { grant, ..IssueTokenRequest::default() };
        self.0.tokens.clone().issue_token(request).await.is_ok()
    }

    async fn envoy_lets_pass(&self, token: &str) -> bool {
        let headers = HashMap::from([("authorization".to_owned(), format!("Bearer {token}"))]);
        let http = HttpRequest { headers, header_map: None };
        let attributes = AttributeContext {
            source: None,
            request: Some(Request { http: Some(http) }),
            context_extensions: HashMap::from([("audience".to_owned(), "billing".to_owned())]),
        };
        let mut envoy = self.0.envoy.clone();
        let answer = envoy.check(CheckRequest { attributes: Some(attributes) }).await;
        let status = answer.ok().and_then(|answer| answer.into_inner().status);
        status.is_some_and(|status| status.code == 0)
    }

    async fn check_lets_pass(&self, token: &str) -> bool {
        let asked = async {
            let mut stream = UnixStream::connect(&self.0.check).await?;
            let request = format!(
                "GET /check?audience=billing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                 authorization: Bearer {token}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200 "))
        };
        asked.await.unwrap_or(false)
    }
}

/// One wire of an agent.
#[derive(Clone)]
pub(crate) struct AgentWire {
    door: AgentDoor,
    asked: Asked,
}

#[derive(Clone, Copy)]
enum Asked {
    Introspect,
    Envoy,
    Check,
    Exchange,
}

impl AgentDoor {
    /// All of its wires.
    pub(crate) fn wires(&self) -> Vec<AgentWire> {
        let asked = [Asked::Introspect, Asked::Envoy, Asked::Check, Asked::Exchange];
        let served =
            asked.into_iter().filter(|asked| self.0.exchanges || !matches!(asked, Asked::Exchange));
        served.map(|asked| AgentWire { door: self.clone(), asked }).collect()
    }
}

impl Accepts for AgentWire {
    async fn accepts(&self, token: &str) -> bool {
        match self.asked {
            Asked::Introspect => self.door.0.tokens.accepts(token).await,
            Asked::Exchange => self.door.exchanges(token).await,
            Asked::Envoy => self.door.envoy_lets_pass(token).await,
            Asked::Check => self.door.check_lets_pass(token).await,
        }
    }
}
