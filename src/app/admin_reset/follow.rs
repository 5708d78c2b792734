//! Carries out what `jeton admin reset` asks of a running server.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::request::{self, Request};
use crate::{service::Service, store::Store};

/// Interval between two looks for a request.
const PERIOD: Duration = Duration::from_secs(1);

/// Carries out the requests that are put into the data directory, until it is dropped.
pub(in crate::app) async fn follow_resets<S: Store>(directory: PathBuf, service: Arc<Service<S>>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let place = directory.clone();
        let now = service.now();
        let Ok(Some(request)) = spawn_blocking(move || Request::take(&place, now)).await else {
            continue;
        };
        let answer = match request {
            Ok(request) => carry_out(&service, request).await,
            Err(problem) => {
                tracing::error!(%problem, "a request of jeton admin reset is refused");
                Err(format!("the request is refused: {problem}"))
            }
        };
        let place = directory.clone();
        let answered = spawn_blocking(move || request::answer(&place, &answer)).await;
        if let Ok(Err(error)) = answered {
            tracing::error!(%error, "jeton admin reset cannot be answered");
        }
    }
}

async fn carry_out<S: Store>(service: &Service<S>, request: Request) -> Result<(), String> {
    let Request { id, hash } = request;
    match service.administrators.reset_administrator(&id, hash).await {
        Ok(()) => {
            tracing::warn!(client_id = %id, "jeton admin reset: an administrator has a new secret");
            Ok(())
        }
        Err(error) => {
            tracing::error!(client_id = %id, %error, "jeton admin reset failed");
            Err(error.to_string())
        }
    }
}
