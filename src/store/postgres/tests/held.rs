//! A store that is copied, which no server has open.

use std::sync::Arc;

use super::{
    HeldDatabase, OpenError, PostgresStore, Seven, Still, empty, numbering::stranger, open, options,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_store_that_is_copied_is_nobodys_and_cannot_be_opened_meanwhile() {
    let open_alone = async || HeldDatabase::open(&options("held"), Arc::new(Still), &Seven).await;
    let nothing = "DROP SCHEMA IF EXISTS held CASCADE; CREATE SCHEMA held";
    stranger().await.batch_execute(nothing).await.expect("an empty schema");
    assert!(matches!(open_alone().await.map(drop), Err(OpenError::NoStore)));
    let first = empty("held").await;
    assert!(matches!(open_alone().await.map(drop), Err(OpenError::InUse)));
    first.close();
    let stranger = stranger().await;
    let held = loop {
        let gone = "UPDATE held.jeton_instances SET seen_at = now() - interval '1 hour'";
        stranger.batch_execute(gone).await.expect("nobody is there");
        match open_alone().await {
            Ok(held) => break held,
            Err(error) => assert!(matches!(error, OpenError::InUse), "{error}"),
        }
    };
    let opened = PostgresStore::open(&options("held"), Arc::new(Still), &Seven).await.map(drop);
    let said = opened.expect_err("it is held").to_string();
    assert!(said.contains("lock timeout"), "{said}");
    held.release().await.expect("it was held all the while");
    drop(open("held").await);
}
