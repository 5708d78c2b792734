//! Runs `jeton token explain`: prints the whole story of a token or a grant.

use clap::Args;
use serde_json::Value;

use super::{
    CliError,
    connection::Caller,
    grant, input, meant,
    output::{Fields, Format},
    time,
    words::Word as _,
};
use crate::proto::v1::{self, explain_token_request::What};

/// A token, read from standard input, or a grant.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The grant to explain, in place of a token on standard input
    #[arg(value_name = "GRANT_ID", value_parser = meant::given)]
    grant_id: Option<String>,
}

impl Explain {
    pub(super) async fn run(self, caller: &Caller, output: Format) -> Result<(), CliError> {
        let (mut admin, _) = caller.administer().await?;
        let what = match self.grant_id {
            Some(id) => What::GrantId(id),
            None => What::Token(input::token()?.expose().to_owned()),
        };
        let request = v1::ExplainTokenRequest { what: Some(what) };
        fields(admin.explain_token(request).await?.into_inner()).print(output)
    }
}

fn fields(found: v1::ExplainTokenResponse) -> Fields {
    let mut fields = Fields::default();
    fields.add("active", found.active);
    fields.add("cause", found.cause);
    fields.add("token", found.token.map(token));
    fields.add("username", found.username);
    fields.add("end_cause", found.end_cause);
    fields.add("client", found.client.map(party));
    fields.add("user", found.user.map(party));
    fields.add("grant", found.grant.map(|found| Value::from(grant::fields(found))));
    fields
}

fn token(token: v1::ExplainedToken) -> Value {
    let mut fields = Fields::default();
    fields.add("kind", v1::TokenKind::word(token.kind));
    fields.add("generation", token.generation);
    fields.add("grant_id", token.grant_id);
    fields.add("issue_time", time::moment(token.issue_time));
    fields.add("expire_time", time::moment(token.expire_time));
    fields.add("key_id", token.key_id);
    fields.add("key_held", token.key_held);
    Value::from(fields)
}

fn party(party: v1::GrantParty) -> Value {
    let mut fields = Fields::default();
    fields.add("exists", party.exists);
    fields.add("disabled", party.disabled);
    fields.add("epoch_moved", party.epoch_moved);
    fields.add("update_time", time::moment(party.update_time));
    Value::from(fields)
}
