//! The registration of a client at the server: reads it, and changes fields of it.

use prost_types::FieldMask;

use super::{fields::shown, secrets::Last};
use crate::{
    cli::{CliError, output::Fields},
    client::Admin,
    proto::v1,
};

/// The client as it is.
pub(super) async fn get(admin: &mut Admin, client_id: String) -> Result<v1::Client, CliError> {
    let answer = admin.get_client(v1::GetClientRequest { client_id }).await?;
    Ok(answer.into_inner().client.unwrap_or_default())
}

/// Disables or enables the client, and returns it.
pub(super) async fn set_disabled(
    admin: &mut Admin,
    id: String,
    disabled: bool,
    last: Last,
) -> Result<Fields, CliError> {
    let client = v1::Client { client_id: id, disabled, ..v1::Client::default() };
    update(admin, client, &["disabled"], last).await
}

/// Puts the named fields of the client into the place of those that it has, and returns it.
pub(super) async fn update(
    admin: &mut Admin,
    client: v1::Client,
    paths: &[&str],
    Last { allow_no_administrator }: Last,
) -> Result<Fields, CliError> {
    let paths = paths.iter().copied().map(str::to_owned).collect();
    let update_mask = Some(FieldMask { paths });
    let request =
        v1::UpdateClientRequest { client: Some(client), update_mask, allow_no_administrator };
    let answer = admin.update_client(request).await?;
    Ok(shown(answer.into_inner().client.unwrap_or_default()))
}
