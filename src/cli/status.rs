//! Runs `jeton status`: prints the state of running servers.

use clap::Args;
use serde_json::Value;

use super::{
    CliError,
    connection::{Caller, Instance},
    output::{Columns, Fields, Format, print_list},
    time,
};
use crate::{client::Admin, proto::v1};

#[derive(Args, Debug)]
pub(super) struct Status {
    #[command(flatten)]
    caller: Caller,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut instances = self.caller.administer_each().await?;
        if instances.len() == 1 {
            return fields(ask(instances.remove(0).to?).await?).print(self.output);
        }
        let mut failed = 0;
        let mut answers = Vec::new();
        for Instance { url, to } in instances {
            let status = match to {
                Ok(admin) => ask(admin).await,
                Err(error) => Err(error),
            };
            let mut answer = Fields::default();
            answer.add("server", url);
            match status {
                Ok(status) => answer.extend(fields(status)),
                Err(error) => {
                    failed += 1;
                    answer.add("error", error.to_string());
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
