//! The table of each record type, with the columns for queries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::types::ToSql;

use crate::{
    domain::{
        attempts::{Attempts, UnderWay},
        client::Client,
        grant::Grant,
        time::Timestamp,
        used_assertion::UsedAssertion,
        user::User,
        user_identity::UserIdentity,
    },
    store::Record,
};

/// Value of a column.
pub(super) type Value = Box<dyn ToSql + Send + Sync>;

/// A type of record that has a table.
pub trait Tabled: Record {
    /// Name of the table.
    const TABLE: &'static str;

    /// The columns beside `key`, `version` and `record`: first those that an update writes too,
    /// then `FIXED` columns that only an insert writes.
    const COLUMNS: &'static [&'static str];

    /// Number of columns, at the end, that keep the insert's values.
    const FIXED: usize;

    /// `true` if a replacement of a state can be an event.
    const CHANGES: bool = true;

    /// `true` if the number of these records is counted.
    const COUNTED: bool = false;

    /// Returns the values of the columns.
    fn values(&self) -> Vec<Value>;

    /// Encodes the record while an instance of an older release is running, without what that one cannot read and
    /// can do without.
    fn encode_beside_older(&self) -> Vec<u8> {
        self.encode()
    }
}

impl Tabled for Grant {
    const TABLE: &'static str = "jeton_grants";
    const COLUMNS: &'static [&'static str] =
        &["revoked", "client_id", "user_id", "issued_at", "expire_at", "due_at"];
    const FIXED: usize = 5;
    const COUNTED: bool = true;

    fn values(&self) -> Vec<Value> {
        vec![
            Box::new(self.end.is_some()),
            Box::new(self.client_id.as_str().to_owned()),
            Box::new(self.subject.user_id().map(|user| user.as_bytes().to_vec())),
            Box::new(to_sql(self.issue_time)),
            Box::new(to_sql(self.expire_time)),
            Box::new(to_sql(self.spent_time())),
        ]
    }
}

impl Tabled for Client {
    const TABLE: &'static str = "jeton_clients";
    const COLUMNS: &'static [&'static str] = &["disabled", "client_id"];
    const FIXED: usize = 1;

    fn values(&self) -> Vec<Value> {
        vec![Box::new(self.disabled), Box::new(self.id.as_str().to_owned())]
    }
}

impl Tabled for User {
    const TABLE: &'static str = "jeton_users";
    const COLUMNS: &'static [&'static str] = &["disabled", "name", "identities"];
    const FIXED: usize = 0;

    fn values(&self) -> Vec<Value> {
        let digest = |identity: &UserIdentity| identity.digest().to_vec();
        let identities: Vec<Vec<u8>> = self.identities.iter().map(digest).collect();
        vec![Box::new(self.disabled), Box::new(self.name.as_str().to_owned()), Box::new(identities)]
    }
}

impl Tabled for Attempts {
    const TABLE: &'static str = "jeton_attempts";
    const COLUMNS: &'static [&'static str] = &[];
    const FIXED: usize = 0;
    const CHANGES: bool = false;

    fn values(&self) -> Vec<Value> {
        Vec::new()
    }

    /// Leaves out the checks under way and whose they are: an instance that could not read the record would refuse
    /// every login of that name.
    fn encode_beside_older(&self) -> Vec<u8> {
        Self { under_way: UnderWay::default(), of: None, ..self.clone() }.encode()
    }
}

impl Tabled for UsedAssertion {
    const TABLE: &'static str = "jeton_assertions";
    const COLUMNS: &'static [&'static str] = &["expire_at"];
    const FIXED: usize = 1;
    const CHANGES: bool = false;

    fn values(&self) -> Vec<Value> {
        vec![Box::new(to_sql(self.expire_time))]
    }
}

/// Converts a time to the database's type.
pub(super) fn to_sql(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(time.as_millis())
}
