//! Asks for the server's public keys, again and again.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::session::Session;

/// Interval of the questions: a key that the server has removed is used for so long.
const PERIOD: Duration = Duration::from_secs(10);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the keys current for ever.
pub(super) async fn follow_keys(session: Arc<Session>) {
    loop {
        let asked = session.clock.now();
        let pause = match session.client.get_jwks().await {
            Ok(published) => {
                let sight = session.first_sight.as_ref();
                if sight.is_some_and(|sight| sight.hold(&published, asked)) {
                    // Tokens that a removed key has signed are not good any more.
                    session.memory.forget_answers();
                }
                PERIOD
            }
            Err(error) => {
                session.last_error.set(session.clock.now(), &error);
                PAUSE
            }
        };
        sleep(pause).await;
    }
}
