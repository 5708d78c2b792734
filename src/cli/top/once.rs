//! `jeton top --once`: the figures of one interval, for scripts and pipes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    address::Address,
    poll::poll,
    server::{Moment, Server, State},
};
use crate::{
    app::SystemClock,
    cli::{
        CliError,
        output::{Format, print_value},
        table,
    },
    figures::Unit,
};

/// Reads twice, and prints.
///
/// # Errors
/// When a server does not answer, once the others are printed.
pub(super) async fn run(
    addresses: Vec<Address>,
    every: Duration,
    format: Format,
) -> Result<(), CliError> {
    let mut servers: Vec<_> = addresses.iter().map(|one| Server::new(one.to_string())).collect();
    let begun = Instant::now();
    read(&addresses, &mut servers, begun).await;
    sleep(every).await;
    read(&addresses, &mut servers, begun).await;
    let down: Vec<_> = servers
        .iter()
        .filter_map(|server| match &server.state {
            State::Down(why) => Some((server.address.clone(), why.clone())),
            State::Unknown | State::Ready | State::NotReady(_) => None,
        })
        .collect();
    if let ([_], [(server, why)]) = (&servers[..], &down[..]) {
        let advice = "Is an ops listener there? jeton prints its address at the start as ops.";
        let (server, why) = (server.clone(), why.clone());
        return Err(CliError::Connect { server, why, advice: Some(advice.to_owned()) });
    }
    let value = json!({"servers": servers.iter().map(server).collect::<Value>()});
    print_value(value, format, || servers.iter().map(text).collect::<Vec<_>>().join("\n"))?;
    if down.is_empty() { Ok(()) } else { Err(CliError::SomeFailed(down.len())) }
}

async fn read(addresses: &[Address], servers: &mut [Server], begun: Instant) {
    let answers = join_all(addresses.iter().map(poll)).await;
    let now = SystemClock::since_epoch().as_secs_f64();
    let moment = Moment { seconds: begun.elapsed().as_secs_f64(), now };
    for (server, answer) in servers.iter_mut().zip(answers) {
        server.take(answer, moment);
    }
}

/// For programs.
fn server(server: &Server) -> Value {
    let mut value = server.snapshot.to_json();
    if let Value::Object(entries) = &mut value {
        entries.insert("server".to_owned(), json!(server.address));
        entries.insert("ready".to_owned(), json!(server.state == State::Ready));
        entries.insert("state".to_owned(), json!(server.state.text()));
        entries.insert("warning".to_owned(), json!(server.warning));
    }
    value
}

/// For people.
fn text(server: &Server) -> String {
    let mut lines = vec![
        ("server", json!(server.address)),
        ("state", json!(server.state.text())),
        ("version", json!(server.snapshot.build.version)),
    ];
    if let State::Down(why) = &server.state {
        lines.push(("why", json!(why)));
    }
    lines.extend(server.warning.as_ref().map(|warning| ("warning", json!(warning))));
    for figure in &server.snapshot.figures {
        let mark = figure.level.mark();
        let text = format!("{} {mark}", figure.text());
        lines.push((figure.definition.key, json!(text.trim_end())));
    }
    let calls = server.snapshot.calls.iter().map(|call| {
        let seconds = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| Unit::Seconds.text(value))
        };
        let errors = call.errors.iter();
        let errors = errors.map(|(name, rate)| format!("  {name} {}", Unit::PerSecond.text(*rate)));
        let (rate, errors) = (Unit::PerSecond.text(call.rate), errors.collect::<String>());
        let (p50, p99) = (seconds(call.p50), seconds(call.p99));
        format!("call  {}  {rate}  p50 {p50}  p99 {p99}{errors}\n", call.name)
    });
    let refusals = server.snapshot.refusals.iter();
    let refusals =
        refusals.map(|one| format!("refused  {}  {} of {}\n", one.cause, one.recent, one.total));
    let lines = table::fields(lines.iter().map(|(name, value)| (*name, value)));
    let rest = calls.chain(refusals).map(|line| table::printable(line.trim_end()) + "\n");
    lines + &rest.collect::<String>()
}
