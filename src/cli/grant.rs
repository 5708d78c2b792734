//! Runs `jeton grant`: lists, shows and ends grants.

use clap::{Args, Subcommand};

use super::{
    CliError,
    administration::Administration,
    grant_tree::{self, Trunk},
    input, meant,
    output::{Columns, Fields, print_list},
    pages, time, user_arg,
    words::Word as _,
};
use crate::{client::Admin, proto::v1};

/// Of a list, for people.
const COLUMNS: Columns = Columns::new(
    &["grant_id", "client_id", "active", "issue_time", "last_used_time"],
    &[
        "grant_id",
        "client_id",
        "subject",
        "scopes",
        "active",
        "inactive_reason",
        "issue_time",
        "expire_time",
        "last_used_time",
        "peer",
    ],
);

pub(super) type Grant = Administration<Action>;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Lists the grants of a user, of a client, or of that user with that client
    List {
        #[command(flatten)]
        whose: Whose,

        /// Only active grants
        #[arg(long)]
        active: bool,

        /// Most grants to list; all by default
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Shows the grants of a user, of a client, or of that user with that client as a tree, with their
    /// generations
    Tree {
        #[command(flatten)]
        whose: Whose,

        /// Only active grants
        #[arg(long)]
        active: bool,
    },
    /// Shows a grant
    Get {
        /// The grant
        #[arg(value_parser = meant::given)]
        grant_id: String,
    },
    /// Ends a grant and every token of it
    Revoke {
        /// The grant
        #[arg(value_parser = meant::given)]
        grant_id: String,
    },
    /// Ends every grant of a user, of a client, or of that user with that client
    RevokeAll {
        #[command(flatten)]
        whose: Whose,

        /// Ends nothing and only counts
        #[arg(long)]
        dry_run: bool,

        /// Skips the confirmation prompt
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(super) struct Whose {
    /// Grants of this user, by login name or id
    #[arg(long, value_name = "USER", conflicts_with = "subject", value_parser = meant::given)]
    user: Option<String>,

    /// Grants of this user id, or of a client's own tokens
    #[arg(long, value_name = "ID", value_parser = meant::given)]
    subject: Option<String>,

    /// Grants that were issued to this client
    #[arg(long, value_name = "ID", value_parser = meant::given)]
    client: Option<String>,
}

/// Filter of grants, in the form of the server's API. An empty half is no condition.
struct Selection {
    subject: String,
    client_id: String,
    /// The filter in words, for a person.
    words: String,
}

impl Grant {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (mut admin, server) = self.caller.administer().await?;
        let admin = &mut admin;
        let fields = match self.action {
            Action::List { whose, active, limit } => {
                let grants = list(admin, whose, active, limit).await?;
                let grants = grants.into_iter().map(fields).collect();
                return print_list(grants, COLUMNS, self.output);
            }
            Action::Tree { whose, active } => {
                let is_users = whose.user.is_some() || whose.subject.is_some();
                let trunk = if is_users { Trunk::Subject } else { Trunk::Client };
                let grants = list(admin, whose, active, None).await?;
                return grant_tree::print(grants, trunk, self.output, fields);
            }
            Action::Get { grant_id } => {
                let answer = admin.get_grant(v1::GetGrantRequest { grant_id }).await?;
                fields(answer.into_inner().grant.unwrap_or_default())
            }
            Action::Revoke { grant_id } => {
                let request = v1::RevokeGrantRequest { grant_id: grant_id.clone() };
                admin.revoke_grant(request).await?;
                let mut fields = Fields::default();
                fields.add("grant_id", grant_id);
                fields.add("revoked", true);
                fields
            }
            Action::RevokeAll { whose, dry_run, yes } => {
                let selection = whose.select(admin).await?;
                if !dry_run && !yes {
                    let found = selection.revoke(admin, true).await?;
                    let (grants, whose) = (count(&found), &selection.words);
                    input::confirm(&format!("Ends {grants} of {whose} at {server}. Go on?"))?;
                }
                let found = selection.revoke(admin, dry_run).await?;
                let mut fields = Fields::default();
                fields.add("count", found.count);
                fields.add("at_least", found.at_least);
                fields.add("dry_run", dry_run);
                fields
            }
        };
        fields.print(self.output)
    }
}

impl Whose {
    async fn select(self, admin: &mut Admin) -> Result<Selection, CliError> {
        let mut words = Vec::new();
        if let Some(user) = &self.user {
            words.push(format!("the user {user}"));
        }
        if let Some(subject) = &self.subject {
            words.push(format!("the subject {subject}"));
        }
        if let Some(client) = &self.client {
            words.push(format!("the client {client}"));
        }
        let subject = match self.user {
            Some(name) => user_arg::id_of(name, admin).await?,
            None => self.subject.unwrap_or_default(),
        };
        let client_id = self.client.unwrap_or_default();
        Ok(Selection { subject, client_id, words: words.join(" with ") })
    }
}

impl Selection {
    async fn revoke(
        &self,
        admin: &mut Admin,
        dry_run: bool,
    ) -> Result<v1::RevokeGrantsResponse, CliError> {
        let (subject, client_id) = (self.subject.clone(), self.client_id.clone());
        let request = v1::RevokeGrantsRequest { subject, client_id, dry_run };
        Ok(admin.revoke_grants(request).await?.into_inner())
    }
}

async fn list(
    admin: &mut Admin,
    whose: Whose,
    active_only: bool,
    limit: Option<usize>,
) -> Result<Vec<v1::Grant>, CliError> {
    let Selection { subject, client_id, .. } = whose.select(admin).await?;
    let grants = pages::collect(limit, async |page_size, page_token| {
        let request = v1::ListGrantsRequest {
            page_size,
            page_token,
            subject: subject.clone(),
            client_id: client_id.clone(),
            active_only,
        };
        let page = admin.list_grants(request).await?.into_inner();
        Ok((page.grants, page.next_page_token))
    });
    Ok(grants.await?)
}

/// Returns the number of grants, in words.
pub(super) fn count(found: &v1::RevokeGrantsResponse) -> String {
    let least = if found.at_least { "at least " } else { "" };
    let grants = if found.count == 1 { "grant" } else { "grants" };
    format!("{least}{} active {grants}", found.count)
}

pub(super) fn fields(grant: v1::Grant) -> Fields {
    let mut fields = Fields::default();
    fields.add("grant_id", grant.grant_id);
    fields.add("client_id", grant.client_id);
    fields.add("subject", grant.subject);
    fields.add("active", grant.active);
    fields.add("inactive_reason", v1::InactiveReason::word(grant.inactive_reason));
    fields.add("scopes", grant.scopes);
    fields.add("audience", grant.audience);
    fields.add("issue_time", time::moment(grant.issue_time));
    fields.add("expire_time", time::moment(grant.expire_time));
    fields.add("end_time", time::moment(grant.end_time));
    fields.add("refresh_time", time::moment(grant.refresh_time));
    fields.add("last_used_time", time::moment(grant.last_used_time));
    fields.add("generation", grant.generation);
    fields.add("peer", grant.peer);
    fields.add("user_agent", grant.user_agent);
    if !grant.actors.is_empty() {
        fields.add("actors", grant.actors);
        let ancestors = grant.ancestors.into_iter().map(|ancestor| ancestor.grant_id);
        fields.add("ancestor_grant_ids", ancestors.collect::<Vec<_>>());
    }
    fields
}
