//! Guards that judge signed tokens at first sight: of each trouble, the same promise.

use crate::{guard::Kind, network, servers};

/// Has a validator and an agent in the same trouble.
async fn both<F: Future<Output = ()>>(trouble: impl Fn(Kind) -> F) {
    let (library, agent) = (trouble(Kind::JudgingLibrary), trouble(Kind::JudgingAgent));
    tokio::join!(Box::pin(library), Box::pin(agent));
}

#[tokio::test]
async fn a_connection_that_is_cut_without_a_word_extends_no_signed_token() {
    both(network::cut_without_a_word).await;
}

#[tokio::test]
async fn a_network_that_swallows_every_answer_costs_signed_tokens_and_not_the_promise() {
    both(network::swallowed).await;
}

#[tokio::test]
async fn a_way_whose_delay_changes_keeps_the_promise_for_signed_tokens() {
    both(network::delayed).await;
}

#[tokio::test]
async fn a_server_that_is_paused_extends_no_signed_token() {
    both(servers::paused).await;
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_extends_no_signed_token() {
    both(servers::killed).await;
}

#[tokio::test]
async fn signed_tokens_of_a_store_that_is_gone_are_refused() {
    both(servers::replaced).await;
}

#[tokio::test]
async fn a_server_that_has_freed_its_events_extends_no_signed_token() {
    both(servers::trimmed).await;
}
