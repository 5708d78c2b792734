//! One server on the screen: its state, its figures and their history.

use super::poll::Polled;
use crate::figures::{Figure, History, Interval, Issuer, Level, Reading, Snapshot};

/// Number of moments that are kept for sparklines.
const MOMENTS: usize = 240;

/// State of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It is ready.
    Ready,
    /// It answers, and is not ready for this reason.
    NotReady(String),
    /// It does not answer for this reason.
    Down(String),
}

impl State {
    /// The state in words.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Unknown => "…",
            Self::Ready => "ready",
            Self::NotReady(why) => why,
            Self::Down(_) => "no answer",
        }
    }

    /// Judges the state.
    pub(super) fn level(&self) -> Level {
        match self {
            Self::Unknown | Self::Ready => Level::Calm,
            Self::NotReady(_) | Self::Down(_) => Level::Bad,
        }
    }
}

/// Time of a reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Seconds by a monotonic clock.
    pub(super) seconds: f64,
    /// Seconds since 1970.
    pub(super) now: f64,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// Its address, as it is shown.
    pub(super) address: String,
    pub(super) state: State,
    /// Warnings beside the state.
    pub(super) warning: Option<String>,
    pub(super) snapshot: Snapshot,
    pub(super) history: History,
    last: Option<(Moment, Reading)>,
}

impl Server {
    /// A server that was not asked yet.
    pub(super) fn new(address: String) -> Self {
        let history = History::of(MOMENTS);
        let (snapshot, last) = (Snapshot::default(), None);
        Self { address, state: State::Unknown, warning: None, snapshot, history, last }
    }

    /// Takes an answer. One that could not be had leaves the figures empty: they are of nothing.
    pub(super) fn take(&mut self, polled: Result<Polled, String>, moment: Moment) {
        let Polled { ready, lines, reading } = match polled {
            Ok(polled) => polled,
            Err(why) => {
                (self.state, self.warning, self.last) = (State::Down(why), None, None);
                self.snapshot = Snapshot::default();
                self.history.push(None);
                return;
            }
        };
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        self.state = if ready { State::Ready } else { State::NotReady(first) };
        self.warning = lines.next();
        let before = self.last.take();
        let seconds = before.as_ref().map_or(0.0, |(then, _)| moment.seconds - then.seconds);
        self.snapshot = Snapshot::of(&Interval {
            before: before.as_ref().map(|(_, reading)| reading),
            after: &reading,
            seconds,
            now: moment.now,
        });
        // The first reading has no rates: it is no moment of a history.
        if before.is_some() {
            self.history.push(Some(&self.snapshot));
        }
        self.last = Some((moment, reading));
    }

    /// Returns the worst judgement of state and figures.
    pub(super) fn level(&self) -> Level {
        let figures = self.snapshot.figures.iter().map(|figure| figure.level);
        let issuers = self.snapshot.issuers.iter().map(Issuer::level);
        let warned = if self.warning.is_some() { Level::Notice } else { Level::Calm };
        figures.chain(issuers).fold(self.state.level().max(warned), Level::max)
    }

    /// Returns the value of a figure in words, or a dash.
    pub(super) fn text(&self, key: &str) -> String {
        self.snapshot.figure(key).map_or_else(|| "–".to_owned(), Figure::text)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::polled, *};

    fn moment(seconds: f64) -> Moment {
        Moment { seconds, now: 1_000_000.0 }
    }

    #[test]
    fn a_server_has_rates_from_the_second_reading_on_and_none_after_a_gap() {
        let mut server = Server::new("a:1".to_owned());
        server.take(Ok(polled("ready", 100)), moment(0.0));
        assert_eq!(
            (server.text("grpc_calls").as_str(), server.text("grants").as_str()),
            ("0/s", "1,234")
        );
        server.take(Ok(polled("ready", 300)), moment(2.0));
        assert_eq!(server.text("grpc_calls"), "110/s");
        server.take(Err("nobody listens there".to_owned()), moment(4.0));
        assert_eq!((server.state.text(), server.text("grants").as_str()), ("no answer", "–"));
        server.take(Ok(polled("draining", 5)), moment(6.0));
        assert_eq!((server.state.text(), server.text("grpc_calls").as_str()), ("draining", "0/s"));
        let calls = server.history.values("grpc_calls");
        assert_eq!(calls, [Some(110.0), None]);
    }

    #[test]
    fn a_warning_beside_readiness_is_worth_a_look() {
        let mut server = Server::new("a:1".to_owned());
        server.take(Ok(polled("ready\nwarning: the key ring", 1)), moment(0.0));
        assert_eq!(server.state, State::Ready);
        assert_eq!(server.warning.as_deref(), Some("warning: the key ring"));
        assert_eq!(server.level(), Level::Bad, "there is no space left");
    }
}
