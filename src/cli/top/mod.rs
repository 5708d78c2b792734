//! Runs `jeton top`: shows what servers and agents do, by the metrics of their ops listeners.

mod address;
mod calls;
mod detail;
mod draw;
mod help;
mod live;
mod once;
mod overview;
mod palette;
mod poll;
#[cfg(test)]
mod sample;
mod screen;
mod server;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use clap::Args;

use self::{address::Address, palette::Palette, screen::Screen};
use super::{CliError, output::Format};
use crate::config;

/// Shortest time between two readings: an ops listener makes at most ten texts a second for all.
const SHORTEST: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub(super) struct Top {
    /// The ops listeners of the servers or agents to look at, as URLs, or unix: and the path of a socket
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9090", value_parser = Address::parse)]
    addresses: Vec<Address>,

    /// Time between two readings, 500ms at least
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = config::duration)]
    every: Duration,

    /// Colours; c changes them while it runs. With `NO_COLOR` in the environment there are none
    #[arg(long, value_enum, value_name = "PALETTE", default_value = "default")]
    palette: Palette,

    /// Takes two readings, prints the figures of the time between them, and ends
    #[arg(long)]
    once: bool,

    /// Format of the figures of --once
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table", requires = "once")]
    output: Format,
}

impl Top {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if self.every < SHORTEST {
            return Err(CliError::Usage("--every is 500ms at least"));
        }
        if self.once {
            return once::run(self.addresses, self.every, self.output).await;
        }
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(CliError::Usage("there is no terminal to draw on: give --once"));
        }
        let screen = Screen::of(&self.addresses, self.every, self.palette.or_none());
        live::run(self.addresses, self.every, screen).await
    }
}
