//! A progress bar on the terminal while the load runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval};

use super::pace::Phases;

/// Follows the time on standard error; nothing is shown where that is no terminal.
pub(super) async fn show(phases: Phases) {
    let whole = phases.end - phases.start;
    let bar = ProgressBar::new(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg:8} {wide_bar} {eta}") {
        bar.set_style(style);
    }
    let mut ticks = interval(Duration::from_millis(100));
    while Instant::now() < phases.end {
        ticks.tick().await;
        let now = Instant::now();
        bar.set_message(if now < phases.counted_from { "warm-up" } else { "counting" });
        bar.set_position(u64::try_from((now - phases.start).as_millis()).unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
}
