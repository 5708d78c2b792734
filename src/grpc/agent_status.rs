//! An agent's description of itself.

use std::time::{Duration, SystemTime};

use tonic::{Request, Response, Status};

use super::agent::AgentServices;
use crate::proto::v1::{
    AgentAnswers, GetAgentStatusRequest, GetAgentStatusResponse, agent_service_server::AgentService,
};

/// State of an agent.
#[derive(Clone, Debug)]
pub struct AgentState {
    /// The release.
    pub version: &'static str,
    /// When it started.
    pub start_time: SystemTime,
    /// The present.
    pub now: SystemTime,
    /// URL of the server.
    pub server: String,
    /// Client as which it asks the server.
    pub client_id: String,
    /// Address of gRPC.
    pub grpc: String,
    /// Address of HTTP; empty if it is off.
    pub check: String,
    /// Address of probes and metrics; empty if they are off.
    pub ops: String,
    /// `true` if it issues tokens of its client.
    pub issues_tokens: bool,
    /// Services that it exchanges tokens for.
    pub exchange_to: Vec<String>,
    /// Time since its memory was proven.
    pub staleness: Option<Duration>,
    /// Maximum of that time.
    pub max_staleness: Duration,
    /// Number of good tokens in memory.
    pub remembered: u64,
    /// Maximum of that number.
    pub max_remembered: u64,
    /// Counts of its answers.
    pub answers: AnswerCounts,
    /// Number of revocations.
    pub revocations: u64,
    /// When its own token expires.
    pub own_token_expire_time: Option<SystemTime>,
    /// When the certificate of its listeners expires.
    pub certificate_expire_time: Option<SystemTime>,
    /// The last error of its connection to the server.
    pub last_error: Option<LastError>,
}

/// Numbers of tokens that an agent was asked about, by their answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerCounts {
    /// Good, from memory.
    pub remembered: u64,
    /// Not good, from memory.
    pub remembered_refusals: u64,
    /// Asked of the server.
    pub asked: u64,
    /// No text of an access token.
    pub malformed: u64,
    /// Questions that failed.
    pub unanswered: u64,
}

/// An error of the connection to the server.
#[derive(Clone, Debug)]
pub struct LastError {
    /// Its text.
    pub text: String,
    /// When it happened.
    pub time: SystemTime,
}

/// An agent that describes itself.
pub trait Described: Send + Sync + 'static {
    /// Returns its state.
    fn describe(&self) -> AgentState;
}

#[tonic::async_trait]
impl<K: Described> AgentService for AgentServices<K> {
    async fn get_agent_status(
        &self,
        _: Request<GetAgentStatusRequest>,
    ) -> Result<Response<GetAgentStatusResponse>, Status> {
        Ok(Response::new(self.0.describe().into()))
    }
}

impl From<AgentState> for GetAgentStatusResponse {
    fn from(state: AgentState) -> Self {
        let proven = state.staleness.is_some_and(|staleness| staleness <= state.max_staleness);
        let AnswerCounts { remembered, remembered_refusals, asked, malformed, unanswered } =
            state.answers;
        let (last_error, last_error_time) = match state.last_error {
            Some(LastError { text, time }) => (text, Some(time.into())),
            None => (String::new(), None),
        };
        Self {
            version: state.version.to_owned(),
            start_time: Some(state.start_time.into()),
            agent_time: Some(state.now.into()),
            server: state.server,
            client_id: state.client_id,
            grpc_address: state.grpc,
            check_address: state.check,
            ops_address: state.ops,
            issues_tokens: state.issues_tokens,
            exchange_to: state.exchange_to,
            proven,
            staleness: state.staleness.and_then(|staleness| staleness.try_into().ok()),
            max_staleness: state.max_staleness.try_into().ok(),
            remembered_tokens: state.remembered,
            max_remembered_tokens: state.max_remembered,
            answers: Some(AgentAnswers {
                remembered,
                remembered_refusals,
                asked,
                malformed,
                unanswered,
            }),
            revocations: state.revocations,
            own_token_expire_time: state.own_token_expire_time.map(Into::into),
            certificate_expire_time: state.certificate_expire_time.map(Into::into),
            last_error,
            last_error_time,
        }
    }
}
