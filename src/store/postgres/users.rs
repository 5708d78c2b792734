//! Users by name and by identity.

use super::{database::Database, rows::keyed};
use crate::{
    domain::{user::User, user_identity::UserIdentity, user_name::UserName},
    store::{ReadError, Stored},
};

/// Returns the user with that name.
pub(super) async fn by_name(
    database: &Database,
    name: &UserName,
) -> Result<Option<Stored<User>>, ReadError> {
    let sql = "SELECT key, version, record FROM jeton_users WHERE name = $1";
    let rows = database.read(sql, &[&name.as_str()]).await?;
    rows.first().map(keyed).transpose()
}

/// Returns the users that list that identity, at most two.
pub(super) async fn by_identity(
    database: &Database,
    identity: &UserIdentity,
) -> Result<Vec<Stored<User>>, ReadError> {
    let sql = "SELECT key, version, record FROM jeton_users
               WHERE identities @> ARRAY[$1::bytea] ORDER BY key LIMIT 2";
    let rows = database.read(sql, &[&identity.digest().as_slice()]).await?;
    let users: Vec<Stored<User>> = rows.iter().map(keyed).collect::<Result<_, _>>()?;
    Ok(users.into_iter().filter(|user| user.identities.contains(identity)).collect())
}
