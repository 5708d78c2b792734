//! Runs `jeton status`: prints the state of running servers and agents.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use clap::Args;
use serde_json::Value;
use tokio::{signal::ctrl_c, time::sleep};
use tonic::{Code, transport::Channel};

use super::{
    CliError,
    connection::{Caller, Identity, Instance},
    output::{self, Columns, Fields, Format, print_list},
    time,
};
use crate::{
    client::Admin,
    config,
    proto::v1::{self, agent_service_client::AgentServiceClient},
};

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

#[derive(Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    caller: Caller,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// Prints the state again and again, until Ctrl-C. A server that is away, also at the beginning, is
    /// tried again each time
    #[arg(long)]
    watch: bool,

    /// Time between two states of --watch
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = config::duration, requires = "watch")]
    every: Duration,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut asker = None;
        let mut peers = self.peers(&mut asker).await?;
        if !self.watch {
            return self.show(&mut peers).await;
        }
        let watching = async {
            loop {
                if self.output == Format::Table && io::stdout().is_terminal() {
                    output::write(CLEAR)?;
                }
                match self.show(&mut peers).await {
                    // Nobody reads any more.
                    Err(error @ CliError::Io(..)) => return Err(error),
                    // A server that is away comes back.
                    Err(error) => output::note(&format!("jeton: {error}")),
                    Ok(()) => {}
                }
                sleep(self.every).await;
                self.reconnect(&mut peers, &mut asker).await?;
            }
        };
        tokio::select! {
            ended = watching => ended,
            pressed = ctrl_c() => pressed.map_err(|error| CliError::Io("signals", error)),
        }
    }

    /// Connects to each server and agent that is named.
    async fn peers(&self, asker: &mut Option<Identity>) -> Result<Vec<Instance<Peer>>, CliError> {
        let mut peers = Vec::new();
        for url in self.caller.urls()? {
            let to = self.peer(&url, asker).await?;
            peers.push(Instance { url, to });
        }
        Ok(peers)
    }

    /// Connects to those that could not be reached before.
    async fn reconnect(
        &self,
        peers: &mut [Instance<Peer>],
        asker: &mut Option<Identity>,
    ) -> Result<(), CliError> {
        for Instance { url, to } in peers {
            if to.is_err() {
                *to = self.peer(url, asker).await?;
            }
        }
        Ok(())
    }

    /// Connects to one. Only a server needs to know who asks: `asker` is found once, for all of them.
    ///
    /// # Errors
    /// The outer error is of flags and settings, and holds of all.
    async fn peer(
        &self,
        url: &str,
        asker: &mut Option<Identity>,
    ) -> Result<Result<Peer, CliError>, CliError> {
        let found = match self.caller.connect_to(url).await {
            Ok(channel) => agent_at(channel).await,
            Err(error) => Err(error),
        };
        let agent = match found {
            Ok(agent) => agent,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(agent) = agent {
            return Ok(Ok(Peer::Agent(agent)));
        }
        let asker = match asker {
            Some(asker) => asker,
            None => asker.insert(self.caller.identity()?),
        };
        Ok(self.caller.administer_at(url, asker).await.map(Peer::Server))
    }

    /// Asks each of them, and prints.
    async fn show(&self, peers: &mut [Instance<Peer>]) -> Result<(), CliError> {
        if let [Instance { to, .. }] = peers {
            let peer = match to {
                Ok(peer) => peer.clone(),
                Err(_) => return Err(taken(to)),
            };
            return peer.status().await?.print(self.output);
        }
        let mut failed = 0;
        let mut answers = Vec::new();
        for Instance { url, to } in peers {
            let status = match to {
                Ok(peer) => peer.clone().status().await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let mut answer = Fields::default();
            answer.add("server", url.clone());
            match status {
                Ok(status) => answer.extend(status),
                Err(error) => {
                    failed += 1;
                    answer.add("error", error);
                }
            }
            answers.push(answer);
        }
        print_list(answers, COLUMNS, self.output)?;
        if failed == 0 { Ok(()) } else { Err(CliError::SomeFailed(failed)) }
    }
}

/// A server or an agent.
#[derive(Clone)]
enum Peer {
    Server(Admin),
    Agent(AgentServiceClient<Channel>),
}

impl Peer {
    /// Asks it.
    async fn status(self) -> Result<Fields, CliError> {
        match self {
            Self::Server(mut admin) => {
                Ok(fields(admin.get_status(v1::GetStatusRequest {}).await?.into_inner()))
            }
            Self::Agent(mut agent) => {
                let asked = agent.get_agent_status(v1::GetAgentStatusRequest {}).await?;
                Ok(agent_fields(asked.into_inner()))
            }
        }
    }
}

/// Returns an agent, or `None` if a server is there.
async fn agent_at(channel: Channel) -> Result<Option<AgentServiceClient<Channel>>, CliError> {
    let agent = AgentServiceClient::new(channel);
    match agent.clone().get_agent_status(v1::GetAgentStatusRequest {}).await {
        Ok(_) => Ok(Some(agent)),
        Err(status) if status.code() == Code::Unimplemented => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Of several servers, for people.
const COLUMNS: Columns = Columns::new(
    &["server", "version", "start_time", "error"],
    &[
        "server",
        "version",
        "start_time",
        "server_time",
        "store",
        "keys",
        "sweeper_backlog",
        "error",
    ],
);

/// Returns why there is no connection, which is tried again before the next look.
fn taken(to: &mut Result<Peer, CliError>) -> CliError {
    std::mem::replace(to, Err(CliError::SomeFailed(1))).err().unwrap_or(CliError::SomeFailed(1))
}

fn fields(status: v1::GetStatusResponse) -> Fields {
    let mut fields = Fields::default();
    fields.add("version", status.version);
    fields.add("start_time", time::moment(status.start_time));
    fields.add("server_time", time::moment(status.server_time));
    fields.add("store", status.store.map(store));
    fields.add("keys", status.keys.into_iter().map(key).collect::<Value>());
    fields.add("key_ring_fault", Some(status.key_ring_fault).filter(|fault| !fault.is_empty()));
    fields
        .add("minting_clients", status.minting_clients.into_iter().map(minting).collect::<Value>());
    fields.add("issuers", status.issuers.into_iter().map(issuer).collect::<Value>());
    fields.add("sweeper_backlog", status.sweeper_backlog);
    fields
}

fn agent_fields(status: v1::GetAgentStatusResponse) -> Fields {
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut fields = Fields::default();
    fields.add("version", status.version);
    fields.add("start_time", time::moment(status.start_time));
    fields.add("agent_time", time::moment(status.agent_time));
    fields.add("asks", status.server);
    fields.add("client_id", status.client_id);
    fields.add("grpc", known(status.grpc_address));
    fields.add("check", known(status.check_address));
    fields.add("ops", known(status.ops_address));
    fields.add("issues_tokens", status.issues_tokens);
    fields.add("exchange_to", known(status.exchange_to.join(" ")));
    fields.add("proven", status.proven);
    fields.add("staleness", time::duration(status.staleness.map(whole_millis)));
    fields.add("max_staleness", time::duration(status.max_staleness));
    fields.add("remembered_tokens", status.remembered_tokens);
    fields.add("max_remembered_tokens", status.max_remembered_tokens);
    fields.add("answers", status.answers.map(answers));
    fields.add("revocations", status.revocations);
    fields.add("own_token_expire_time", time::moment(status.own_token_expire_time));
    fields.add("certificate_expire_time", time::moment(status.certificate_expire_time));
    fields.add("last_error", known(status.last_error));
    fields.add("last_error_time", time::moment(status.last_error_time));
    fields
}

fn answers(answers: v1::AgentAnswers) -> Value {
    let mut fields = Fields::default();
    fields.add("remembered", answers.remembered);
    fields.add("remembered_refusals", answers.remembered_refusals);
    fields.add("asked", answers.asked);
    fields.add("malformed", answers.malformed);
    fields.add("unanswered", answers.unanswered);
    fields.into()
}

fn whole_millis(duration: prost_types::Duration) -> prost_types::Duration {
    prost_types::Duration { nanos: duration.nanos / 1_000_000 * 1_000_000, ..duration }
}

/// Unknown values come as zero.
fn store(store: v1::StoreStatus) -> Value {
    let known = |bytes| Some(bytes).filter(|bytes: &u64| *bytes > 0);
    let mut fields = Fields::default();
    fields.add("engine", store.engine);
    fields.add("writable", store.writable);
    fields.add("free_bytes", known(store.free_bytes));
    fields.add("disk_bytes", known(store.disk_bytes));
    fields.add("grants", store.grants);
    fields.add("clock_skew", store.clock_skew.map(skew));
    fields.add("damaged_records", store.damaged_records);
    fields.into()
}

/// By how much the instance's clock is ahead of the database's, with a sign where it is behind.
fn skew(skew: prost_types::Duration) -> String {
    format!("{}ms", skew.seconds * 1_000 + i64::from(skew.nanos / 1_000_000))
}

fn key(key: v1::KeyStatus) -> Value {
    let mut fields = Fields::default();
    fields.add("key_id", key.key_id);
    fields.add("active", key.active);
    fields.add("in_use", key.in_use);
    fields.into()
}

fn issuer(issuer: v1::IssuerStatus) -> Value {
    let mut fields = Fields::default();
    fields.add("name", issuer.name);
    fields.add("keys", issuer.keys);
    fields.add("key_age", issuer.key_age.map(|age| format!("{}s", age.seconds)));
    let known = |fault: String| Some(fault).filter(|fault| !fault.is_empty());
    fields.add("fault", known(issuer.fault));
    fields.add("review_fault", known(issuer.review_fault));
    fields.into()
}

fn minting(client: v1::MintingClient) -> Value {
    let mut fields = Fields::default();
    fields.add("client_id", client.client_id);
    fields.add("live_tokens", client.live_tokens);
    fields.into()
}
