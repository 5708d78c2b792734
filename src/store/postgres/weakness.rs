//! Settings with which a database can lose what was acknowledged.

use super::connections::Connection;

/// A setting with which the database can lose what was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// Consequence of the setting.
    pub found: &'static str,
    /// Name of the setting, with the value that it should have.
    pub remedy: &'static str,
}

/// Settings as their values of $1 show them: the value that is weak, and the weakness. An empty list of
/// standbys is weak.
const WEAK: [(&str, &[&str], Weakness); 4] = [
    (
        "synchronous_standby_names",
        &[""],
        Weakness {
            found: "the database's commits wait for no standby: with its machine go tokens and \
                    revocations that were acknowledged",
            remedy: "set synchronous_standby_names",
        },
    ),
    (
        "fsync",
        &["off"],
        Weakness {
            found: "the database does not sync its files: a power failure can destroy it",
            remedy: "set fsync = on",
        },
    ),
    (
        "full_page_writes",
        &["off"],
        Weakness {
            found: "the database does not write full pages: a power failure can damage it",
            remedy: "set full_page_writes = on",
        },
    ),
    (
        "synchronous_commit",
        &["off", "local", "remote_write"],
        Weakness {
            found: "synchronous_commit is weak by default: jeton's sessions turn it on, and commits of \
                    others can be lost",
            remedy: "set synchronous_commit = on",
        },
    ),
];

/// Returns the weaknesses of the database's settings. An engine may have none of them.
pub(super) async fn weaknesses(
    connection: &Connection,
) -> Result<Vec<Weakness>, tokio_postgres::Error> {
    // The values apply to sessions that change nothing.
    let sql = "SELECT name, coalesce(reset_val, '') FROM pg_settings WHERE name = ANY($1)";
    let names: Vec<&str> = WEAK.iter().map(|(name, ..)| *name).collect();
    let rows = connection.query(sql, &[&names]).await?;
    let mut found = Vec::new();
    for (name, weak, weakness) in WEAK {
        for row in &rows {
            let (set, value): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            if set == name && weak.contains(&value) {
                found.push(weakness);
            }
        }
    }
    Ok(found)
}

/// Logs each weakness of the database's settings.
pub(super) async fn warn_of_weaknesses(
    connection: &Connection,
) -> Result<(), tokio_postgres::Error> {
    for Weakness { found, remedy } in weaknesses(connection).await? {
        tracing::warn!(remedy, "{found}");
    }
    Ok(())
}
