//! Takes the secrets from a client that authenticates in another way.

use clap::Args;

use super::{registration::update, secrets::Last};
use crate::{
    cli::{CliError, meant, output::Fields},
    client::Admin,
    proto::v1,
};

#[derive(Args, Debug)]
pub(in crate::cli) struct RemoveSecrets {
    /// The client
    #[arg(value_parser = meant::given)]
    id: String,

    /// Only if the client is still as it was when this was its etag
    #[arg(long, value_name = "ETAG", value_parser = meant::given)]
    etag: Option<String>,

    #[command(flatten)]
    last: Last,
}

impl RemoveSecrets {
    pub(super) async fn run(self, admin: &mut Admin) -> Result<Fields, CliError> {
        let client = v1::Client {
            client_id: self.id,
            etag: self.etag.unwrap_or_default(),
            ..v1::Client::default()
        };
        update(admin, client, &["secrets"], self.last).await
    }
}
