//! Follows the keys of a trusted issuer while the process serves: new ones come without a restart.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};

use super::hangup::Reread;
use crate::{
    config::{IssuerSettings, KeyPlace},
    domain::issuer_name::IssuerName,
    jose::SkippedKey,
    jwks::{Publication, PublishedKeys},
    service::IssuerKeys,
};

/// Interval between two looks at a file.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after the first failure; it doubles with each further one, up to the interval of readings.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Reads the keys again and again, until it is dropped: a file every second, a URL in its interval, and
/// each at once if a token names an unknown key or at SIGHUP. A reload waits for a file, and not for an
/// issuer far away. A failure is logged when it begins and when it ends.
pub(super) async fn follow_issuer(
    settings: IssuerSettings,
    keys: Arc<IssuerKeys>,
    mut hangups: mpsc::Receiver<Reread>,
) {
    let IssuerSettings { rules, keys: place, refresh_interval, .. } = settings;
    let is_file = matches!(place, KeyPlace::File(_));
    let interval = if is_file { LOOK } else { refresh_interval };
    let mut reader = Reader { name: rules.name, published: PublishedKeys::at(place), failures: 0 };
    let mut asked = None;
    loop {
        reader.read(&keys).await;
        drop(asked.take());
        tokio::select! {
            () = sleep(reader.pause(interval)) => {}
            () = keys.wanted() => {}
            Some(reread) = hangups.recv() => asked = is_file.then_some(reread),
        }
    }
}

struct Reader {
    name: IssuerName,
    published: PublishedKeys,
    /// Failures in a row.
    failures: u32,
}

impl Reader {
    async fn read(&mut self, keys: &IssuerKeys) {
        let issuer = self.name.as_str();
        match self.published.read().await {
            Ok(Publication { keys: read, news }) => {
                if let Some(skipped) = news {
                    log_news(issuer, read.len(), &skipped);
                } else if self.failures > 0 {
                    tracing::info!(issuer, "the keys of the issuer can be read again");
                }
                self.failures = 0;
                keys.learn(read);
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::error!(
                        issuer,
                        %error,
                        "the keys of the issuer cannot be read: those before stay in use"
                    );
                }
                self.failures = self.failures.saturating_add(1);
                keys.fail(error.to_string());
            }
        }
    }

    /// Time until the next reading. Instances that lost an issuer together ask it again one by one.
    fn pause(&self, interval: Duration) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else { return interval };
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings.min(16));
        pause.min(interval).mul_f64(0.75 + fastrand::f64() / 4.0)
    }
}

fn log_news(issuer: &str, keys: usize, skipped: &[SkippedKey]) {
    tracing::info!(issuer, keys, "the keys of the issuer were read");
    for SkippedKey { index, problem } in skipped {
        tracing::warn!(issuer, index, problem, "a key of the issuer is not used");
    }
}
