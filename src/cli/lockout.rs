//! Runs `jeton lockout`: lists and lifts the lockouts of users.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    CliError,
    administration::Administration,
    meant,
    output::{Columns, Fields, print_list},
    pages, time, user_arg,
};
use crate::{client::Admin, proto::v1};

/// Of a list, for people.
const COLUMNS: Columns = Columns::new(
    &["username", "client_id", "failures", "retry_time", "lockout_id"],
    &[
        "username",
        "subject",
        "client_id",
        "failures",
        "last_failure_time",
        "retry_time",
        "lockout_id",
    ],
);

pub(super) type Lockout = Administration<Action>;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Lists the users that are locked out after failed logins, with the client and the time
    List {
        /// Only the lockouts of this user, by login name or by id
        #[arg(long, value_name = "USER", value_parser = meant::given)]
        user: Option<String>,

        /// Only the lockouts at this client
        #[arg(long, value_name = "ID", value_parser = meant::given)]
        client: Option<String>,

        /// Also failed logins that lock no user out
        #[arg(long)]
        all: bool,

        /// Most lockouts to list; all by default
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Forgets failed logins, so that the next password is tried
    Clear(Clear),
}

#[derive(Args, Debug)]
pub(super) struct Clear {
    /// The lockout, as "jeton lockout list" shows it
    #[arg(value_name = "LOCKOUT_ID", required_unless_present = "user", conflicts_with = "user", value_parser = meant::given)]
    lockout_id: Option<String>,

    /// The lockouts of this user, by login name or by id
    #[arg(long, value_name = "USER", value_parser = meant::given)]
    user: Option<String>,

    /// Only the one at this client
    #[arg(long, value_name = "ID", requires = "user", value_parser = meant::given)]
    client: Option<String>,
}

impl Lockout {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (mut admin, _) = self.caller.administer().await?;
        let admin = &mut admin;
        match self.action {
            Action::List { user, client, all, limit } => {
                let subject = subject(user, admin).await?;
                let lockouts = pages::collect(limit, async |page_size, page_token| {
                    let request = v1::ListLockoutsRequest {
                        page_size,
                        page_token,
                        subject: subject.clone(),
                        client_id: client.clone().unwrap_or_default(),
                        all,
                    };
                    let page = admin.list_lockouts(request).await?.into_inner();
                    Ok((page.lockouts, page.next_page_token))
                });
                let lockouts = lockouts.await?.into_iter().map(fields).collect();
                print_list(lockouts, COLUMNS, self.output)
            }
            Action::Clear(clear) => {
                let request = v1::ClearLockoutRequest {
                    lockout_id: clear.lockout_id.unwrap_or_default(),
                    subject: subject(clear.user, admin).await?,
                    client_id: clear.client.unwrap_or_default(),
                };
                let cleared = admin.clear_lockout(request).await?.into_inner();
                let mut fields = Fields::default();
                fields.add("cleared", cleared.count);
                fields.print(self.output)
            }
        }
    }
}

/// The id of a user who is named by login name or by id; empty for nobody.
async fn subject(user: Option<String>, admin: &mut Admin) -> Result<String, CliError> {
    match user {
        None => Ok(String::new()),
        Some(name) => user_arg::id_of(name, admin).await,
    }
}

fn fields(lockout: v1::Lockout) -> Fields {
    let mut fields = Fields::default();
    fields.add("lockout_id", lockout.lockout_id);
    fields.add("client_id", lockout.client_id);
    fields.add("subject", lockout.subject);
    fields.add("username", lockout.username);
    fields.add("failures", lockout.failures);
    fields.add("last_failure_time", time::moment(lockout.last_failure_time));
    fields.add("retry_time", time::moment(lockout.retry_time));
    fields
}

/// The failed logins of one user.
pub(super) fn of_user(lockouts: Vec<v1::Lockout>) -> Value {
    let of_client = |lockout: v1::Lockout| {
        let mut fields = Fields::default();
        fields.add("client_id", lockout.client_id);
        fields.add("failures", lockout.failures);
        fields.add("retry_time", time::moment(lockout.retry_time));
        Value::from(fields)
    };
    lockouts.into_iter().map(of_client).collect()
}
