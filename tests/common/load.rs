//! Callers that issue and revoke until the server is gone, and their answers.

use tokio::task::JoinSet;
use tonic::Status;

use super::{
    caller::{Caller, client_credentials},
    home::Home,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

/// Calls of one caller that were acknowledged, and its last answer.
struct Acknowledged {
    alive: Vec<String>,
    revoked: Vec<String>,
    refused: Status,
}

/// The callers at work.
pub(crate) struct Load(JoinSet<Acknowledged>);

impl Load {
    /// Four callers, who are seen to get through.
    pub(crate) async fn on(server: &Server) -> Self {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            calls.spawn(load(server.caller("shop").await));
        }
        // Twenty revocations were seen: work is under way.
        let shop = server.caller("shop").await;
        for _ in 0..20 {
            let before = shop.cursor().await;
            until("the load to be under way", async || shop.cursor().await != before).await;
        }
        Self(calls)
    }

    /// Starts a server on the remains, and insists that everything is there that was acknowledged,
    /// `others` too. Returns the number of those, and the last answer of each caller.
    pub(crate) async fn find_everything(
        self,
        home: Home,
        settings: &Settings,
        others: Vec<String>,
    ) -> (usize, Vec<Status>) {
        let calls = within("the load to notice", self.0.join_all()).await;
        let server = Server::start_at(home, settings).await;
        let shop = server.caller("shop").await;
        let mut count = assert_all(&shop, others, true).await;
        let mut refusals = Vec::new();
        for Acknowledged { alive, revoked, refused } in calls {
            count += assert_all(&shop, alive, true).await;
            count += assert_all(&shop, revoked, false).await;
            refusals.push(refused);
        }
        server.stop().await;
        (count, refusals)
    }
}

/// Insists that all of these tokens are active, or none of them is, and returns their number.
async fn assert_all(caller: &Caller, tokens: Vec<String>, active: bool) -> usize {
    for tokens in tokens.chunks(1_000) {
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        let results = caller.introspect_all(&tokens).await.expect("results");
        assert!(results.iter().all(|result| result.active == active));
    }
    tokens.len()
}

async fn load(shop: Caller) -> Acknowledged {
    let (mut alive, mut revoked) = (Vec::new(), Vec::new());
    let mut round = 0_u32;
    let refused = loop {
        let issued = match shop.issue(client_credentials()).await {
            Ok(issued) => issued,
            Err(refused) => break refused,
        };
        round += 1;
        if !round.is_multiple_of(3) {
            alive.push(issued.access_token);
            continue;
        }
        // An unanswered revocation may or may not have happened: the token is in neither list.
        if let Err(refused) = shop.revoke(&issued.access_token).await {
            break refused;
        }
        revoked.push(issued.access_token);
    };
    Acknowledged { alive, revoked, refused }
}
