//! `jeton serve`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, dev};
use crate::{
    app,
    config::{Loaded, Overrides, ProcessEnvironment, Settings},
    telemetry,
};

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// A first look: data and keys under ./jeton-dev, a demo client and user, commands to paste
    #[arg(long, conflicts_with = "config")]
    dev: bool,

    /// The settings file
    #[arg(long, env = "JETON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    overrides: Overrides,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let Loaded { settings, warnings } = self.load()?;
        let _audit = telemetry::start(&settings.log, &settings.audit)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let dev = self.dev;
        app::serve(&settings, &mut |listeners| {
            if dev {
                println!("{}", dev::first_session(listeners));
            }
        })
        .await?;
        Ok(())
    }

    fn load(&self) -> Result<Loaded, CliError> {
        if self.dev {
            let settings = Path::new(dev::SETTINGS_NAME);
            return Ok(Settings::load(Some(settings), &self.overrides, &dev::DevEnvironment)?);
        }
        Ok(Settings::load(self.config.as_deref(), &self.overrides, &ProcessEnvironment)?)
    }
}
