//! Runs `jeton status`: prints the state of running servers.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use clap::Args;
use serde_json::Value;
use tokio::{signal::ctrl_c, time::sleep};

use super::{
    CliError,
    connection::{Caller, Instance},
    output::{self, Columns, Fields, Format, print_list},
    time,
};
use crate::{client::Admin, config, proto::v1};

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

#[derive(Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    caller: Caller,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// Prints the state again and again, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// Time between two states of --watch
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = config::duration, requires = "watch")]
    every: Duration,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut instances = self.caller.administer_each().await?;
        if !self.watch {
            return self.show(&mut instances).await;
        }
        let watching = async {
            loop {
                if self.output == Format::Table && io::stdout().is_terminal() {
                    output::write(CLEAR)?;
                }
                match self.show(&mut instances).await {
                    // Nobody reads any more.
                    Err(error @ CliError::Io(..)) => return Err(error),
                    // A server that is away comes back.
                    Err(error) => output::note(&format!("jeton: {error}")),
                    Ok(()) => {}
                }
                sleep(self.every).await;
            }
        };
        tokio::select! {
            ended = watching => ended,
            pressed = ctrl_c() => pressed.map_err(|error| CliError::Io("signals", error)),
        }
    }

    /// Asks each server, and prints.
    async fn show(&self, instances: &mut [Instance<Admin>]) -> Result<(), CliError> {
        if let [Instance { to, .. }] = instances {
            let admin = match to {
                Ok(admin) => admin.clone(),
                Err(_) => return Err(taken(to)),
            };
            return fields(ask(admin).await?).print(self.output);
        }
        let mut failed = 0;
        let mut answers = Vec::new();
        for Instance { url, to } in instances {
            let status = match to {
                Ok(admin) => ask(admin.clone()).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let mut answer = Fields::default();
            answer.add("server", url.clone());
            match status {
                Ok(status) => answer.extend(fields(status)),
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

/// Returns why there is no connection. The next time it is known no more than that there is none.
fn taken(to: &mut Result<Admin, CliError>) -> CliError {
    std::mem::replace(to, Err(CliError::SomeFailed(1))).err().unwrap_or(CliError::SomeFailed(1))
}

async fn ask(mut admin: Admin) -> Result<v1::GetStatusResponse, CliError> {
    Ok(admin.get_status(v1::GetStatusRequest {}).await?.into_inner())
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
    fields.add("fault", Some(issuer.fault).filter(|fault| !fault.is_empty()));
    fields.into()
}

fn minting(client: v1::MintingClient) -> Value {
    let mut fields = Fields::default();
    fields.add("client_id", client.client_id);
    fields.add("live_tokens", client.live_tokens);
    fields.into()
}
