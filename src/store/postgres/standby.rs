//! Refuses a server whose commits wait for no standby, where standbys are required.
//!
//! A server that has just taken over can have none: `pg_auto_failover`'s commits alone until another node
//! follows it. All that it acknowledges meanwhile is lost with it.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

/// Fails at a server whose commits wait for no standby. `pg_conf_load_time` is when the session's server
/// has read its settings. Its checkpointer, which makes commits wait, can read them later than the session:
/// a server that is not known yet must have read them a second ago.
const REQUIRED: [&str; 2] = [
    "DO $$ BEGIN
         IF current_setting('synchronous_standby_names') = '' THEN
             RAISE EXCEPTION 'the commits of this server wait for no standby'
                 USING ERRCODE = 'object_not_in_prerequisite_state',
                 HINT = 'Set synchronous_standby_names.';
         END IF;
     END $$",
    "DO $$ BEGIN
         IF pg_conf_load_time() > clock_timestamp() - interval '1 second' THEN
             RAISE EXCEPTION 'the settings of this server are less than a second old'
                 USING ERRCODE = 'object_not_in_prerequisite_state';
         END IF;
     END $$",
];

/// Insists that the commits of the server wait for a standby. `known` if it is the server of the last barrier.
///
/// # Errors
/// Returns the server's own error if they do not.
pub(super) async fn insist(client: &ClientWrapper, known: bool) -> Result<(), Error> {
    let [waits, settled] = REQUIRED;
    client.batch_execute(waits).await?;
    if known { Ok(()) } else { client.batch_execute(settled).await }
}
