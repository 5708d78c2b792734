//! `jeton token watch`: revocations as they happen, a line each, for as long as somebody reads.

use std::{convert::Infallible, time::Duration};

use clap::Args;
use tokio::{
    signal::ctrl_c,
    time::{sleep, timeout},
};
use tonic::{Code, Status, transport::Channel};

use super::{
    CliError,
    colour::Colour,
    connection::{Caller, Session},
    meant,
    output::{self, Fields, Format, print_row},
    presentation::Presentation,
    proof::Proof,
    time,
};
use crate::proto::v1::{
    Revocation, WatchRevocationsRequest, revocation::Event,
    token_service_client::TokenServiceClient,
};

/// A server sends something every second at least: one that is silent for so long is not there.
const SILENCE: Duration = Duration::from_secs(5);
/// The pause before the first attempt to go on, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Widths of the columns for people: RFC 3339 to the millisecond, and the longest kind of event.
const TIME_WIDTH: usize = 24;
const EVENT_WIDTH: usize = 20;

#[derive(Args, Debug)]
pub(super) struct Watch {
    /// Goes on behind the cursor that an earlier watch printed at its end. Left out: from now on
    #[arg(long, value_name = "CURSOR", value_parser = meant::given)]
    cursor: Option<String>,

    /// Begins with the revocations that the server still keeps: the last 10 minutes at least
    #[arg(long, conflicts_with = "cursor")]
    snapshot: bool,
}

impl Watch {
    /// Until Ctrl-C, which is no failure.
    pub(super) async fn run(
        self,
        caller: &Caller,
        session: Session,
        format: Format,
    ) -> Result<(), CliError> {
        let Session { channel, client_id, proof } = session;
        let (cursor, snapshot) = (self.cursor.unwrap_or_default(), self.snapshot);
        let mut tail = Tail { caller, client_id, proof, format, cursor, snapshot, pause: PAUSES.0 };
        if is_rows(format) {
            let headings = [("TIME", TIME_WIDTH), ("EVENT", EVENT_WIDTH), ("NAMES", 0)];
            print_row(&headings, Colour::Plain)?;
        }
        let stopped = tokio::select! {
            failed = tail.follow(channel) => match failed { Err(error) => Err(error) },
            pressed = ctrl_c() => pressed.map_err(|error| CliError::Io("signals", error)),
        };
        if !tail.cursor.is_empty() {
            output::note(&format!("jeton: to go on from here: --cursor {}", tail.cursor));
        }
        stopped
    }
}

/// Returns whether each event is a row for people.
fn is_rows(format: Format) -> bool {
    format == Format::Table && Presentation::current().field.is_none()
}

/// State of the watch, and the format of its events.
struct Tail<'a> {
    caller: &'a Caller,
    client_id: String,
    proof: Proof,
    format: Format,
    /// The last cursor that was received, or the one to start from.
    cursor: String,
    snapshot: bool,
    /// Pause before the next attempt.
    pause: Duration,
}

impl Tail<'_> {
    async fn follow(&mut self, mut channel: Channel) -> Result<Infallible, CliError> {
        loop {
            let cut = match self.read(channel).await {
                Err(CliError::Refused(refusal)) if refusal.may_pass() => refusal.reason(),
                Err(error) => return Err(error),
                Ok(()) => "the server is silent".to_owned(),
            };
            channel = self.reconnect(cut).await?;
        }
    }

    /// Tries again until something answers.
    async fn reconnect(&mut self, mut cut: String) -> Result<Channel, CliError> {
        loop {
            let place = if self.cursor.is_empty() { "the end" } else { &self.cursor };
            output::note(&format!("jeton: {cut}; going on from {place}"));
            sleep(self.pause).await;
            self.pause = PAUSES.1.min(2 * self.pause);
            match self.caller.reconnect().await {
                Err(CliError::Connect { why, .. }) => cut = why,
                other => return other,
            }
        }
    }

    /// Prints events until the server falls silent.
    async fn read(&mut self, channel: Channel) -> Result<(), CliError> {
        let request = WatchRevocationsRequest {
            cursor: self.cursor.clone(),
            snapshot: self.snapshot && self.cursor.is_empty(),
        };
        let known = async || Ok(channel.clone());
        let authorization = self.proof.authorization(&self.client_id, known).await?;
        let request = authorization.on(request);
        let mut service = TokenServiceClient::new(channel);
        let mut responses = service.watch_revocations(request).await?.into_inner();
        while let Ok(next) = timeout(SILENCE, responses.message()).await {
            let ended = || Status::new(Code::Unavailable, "the watch ended");
            let response = next?.ok_or_else(ended)?;
            self.pause = PAUSES.0;
            let (last, others) = match response.revocations.split_last() {
                Some((last, others)) => (Some(last), others),
                None => (None, [].as_slice()),
            };
            // The cursor goes with the last event: a reader that keeps it has read everything
            // before.
            others.iter().try_for_each(|revocation| self.print(revocation, None))?;
            last.map_or(Ok(()), |revocation| self.print(revocation, Some(&response.cursor)))?;
            self.cursor = response.cursor;
        }
        Ok(())
    }

    fn print(&self, revocation: &Revocation, cursor: Option<&String>) -> Result<(), CliError> {
        let shown = Shown::of(revocation.event.as_ref());
        let moment = time::moment(revocation.event_time);
        if is_rows(self.format) {
            let moment = moment.as_deref().unwrap_or("-");
            let names = shown.text();
            let row = [(moment, TIME_WIDTH), (shown.kind, EVENT_WIDTH), (&*names, 0)];
            return print_row(&row, shown.colour());
        }
        let mut fields = Fields::default();
        fields.add("event", shown.kind);
        fields.add(shown.field, (!shown.id.is_empty()).then_some(shown.id));
        fields.add("generation", shown.generation);
        fields.add("refused", shown.refused);
        fields.add("event_time", moment);
        fields.add("cursor", cursor.cloned());
        fields.print(self.format)
    }
}

/// An event in words.
#[derive(Default)]
struct Shown<'a> {
    kind: &'static str,
    field: &'static str,
    id: &'a str,
    generation: Option<u32>,
    refused: Option<bool>,
}

impl<'a> Shown<'a> {
    fn of(event: Option<&'a Event>) -> Self {
        let Some(event) = event else {
            return Self { kind: "everything", field: "id", ..Self::default() };
        };
        let none = Self::default();
        match event {
            Event::GrantEnded(grant) => {
                Self { kind: "grant_ended", field: "grant_id", id: &grant.grant_id, ..none }
            }
            Event::AccessTokenRevoked(grant) => {
                let (id, generation) = (&*grant.grant_id, Some(grant.generation));
                Self { kind: "access_token_revoked", field: "grant_id", id, generation, ..none }
            }
            Event::SubjectEpochMoved(user) => {
                let (id, refused) = (&*user.subject, Some(user.refused));
                Self { kind: "subject_epoch_moved", field: "subject", id, refused, ..none }
            }
            Event::ClientEpochMoved(client) => {
                let (id, refused) = (&*client.client_id, Some(client.refused));
                Self { kind: "client_epoch_moved", field: "client_id", id, refused, ..none }
            }
            Event::ClientChanged(client) => {
                let (id, refused) = (&*client.client_id, Some(client.refused));
                Self { kind: "client_changed", field: "client_id", id, refused, ..none }
            }
            Event::UserChanged(user) => {
                let (id, refused) = (&*user.subject, Some(user.refused));
                Self { kind: "user_changed", field: "subject", id, refused, ..none }
            }
        }
    }

    /// By what is over: a token or grant, everything of somebody, or nothing.
    fn colour(&self) -> Colour {
        match (self.refused, self.kind) {
            (Some(true), _) | (None, "everything") => Colour::Magenta,
            (None, _) => Colour::Yellow,
            (Some(false), _) => Colour::Blue,
        }
    }

    /// For people.
    fn text(&self) -> String {
        let mut text = self.id.to_owned();
        if let Some(generation) = self.generation {
            text = format!("{text} generation {generation}");
        }
        if self.refused == Some(true) {
            text.push_str(" refused");
        }
        text
    }
}
