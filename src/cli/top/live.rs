//! Draws `jeton top` on a terminal until a key or a signal ends it.

use std::{convert::Infallible, thread, time::Duration};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    address::Address,
    draw::draw,
    poll::{Polled, poll},
    screen::Screen,
    server::Moment,
};
use crate::{app::SystemClock, cli::CliError};

/// Answers and keys that wait to be drawn.
const QUEUED: usize = 64;

/// Answer of one server.
struct Answer {
    place: usize,
    polled: Result<Polled, String>,
}

/// Runs until the person ends it.
pub(super) async fn run(
    addresses: Vec<Address>,
    every: Duration,
    mut screen: Screen,
) -> Result<(), CliError> {
    let failed = |error| CliError::Io("the terminal", error);
    let (sender, mut answers) = mpsc::channel(QUEUED);
    let mut asking = JoinSet::new();
    for (place, address) in addresses.into_iter().enumerate() {
        asking.spawn(ask(place, address, every, sender.clone()));
    }
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let begun = Instant::now();
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let mut keys = keyboard();
    let ended = loop {
        if let Err(error) = terminal.draw(|frame| draw(frame, &screen)) {
            break Err(failed(error));
        }
        tokio::select! {
            Some(answer) = answers.recv() => {
                let now = SystemClock::since_epoch().as_secs_f64();
                let moment = Moment { seconds: begun.elapsed().as_secs_f64(), now };
                screen.take(answer.place, answer.polled, moment);
            }
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    if !screen.press(key) {
                        break Ok(());
                    }
                }
                // A new size is drawn.
                Some(_) => {}
                None => break Ok(()),
            },
            _ = terminated.recv() => break Ok(()),
        }
    };
    ratatui::try_restore().map_err(failed)?;
    ended
}

/// Asks one server again and again, for as long as somebody takes the answers.
async fn ask(
    place: usize,
    address: Address,
    every: Duration,
    answers: mpsc::Sender<Answer>,
) -> Option<Infallible> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let polled = poll(&address).await;
        answers.send(Answer { place, polled }).await.ok()?;
    }
}

/// Reads the keyboard on a thread that ends with the process: there is no reading that can be ended.
fn keyboard() -> mpsc::Receiver<Event> {
    let (sender, events) = mpsc::channel(QUEUED);
    let reading = move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    };
    // Without the thread the channel is closed, and the screen ends.
    drop(thread::Builder::new().name("keyboard".into()).spawn(reading));
    events
}
