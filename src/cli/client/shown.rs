//! What is printed of a client.

use serde_json::Value;

use crate::{
    cli::{
        attributes,
        output::{Columns, Fields},
        time,
        words::{Word as _, words},
    },
    proto::v1::{
        Client, ClientSecret, ClientType, GrantType, IntrospectReach, Permission, WhenFull,
    },
};

/// Of a list, for people.
pub(super) const COLUMNS: Columns = Columns::new(
    &["client_id", "client_type", "scopes", "permissions", "disabled"],
    &["client_id", "client_type", "grant_types", "scopes", "permissions", "disabled"],
);

/// All of it.
pub(super) fn fields(client: Client) -> Fields {
    let mut fields = Fields::default();
    fields.add("client_id", client.client_id);
    fields.add("client_type", ClientType::word(client.client_type));
    fields.add("disabled", client.disabled);
    fields.add("grant_types", words::<GrantType>(&client.grant_types));
    fields.add("scopes", client.scopes);
    fields.add("allowed_scopes", client.allowed_scopes);
    fields.add("audience", client.audience);
    fields.add("access_token_ttl", time::duration(client.access_token_ttl));
    fields.add("refresh_token_ttl", time::duration(client.refresh_token_ttl));
    fields.add("grant_ttl", time::duration(client.grant_ttl));
    if let Some(limit) = client.grant_limit {
        fields.add("max_grants", limit.max);
        fields.add("when_full", WhenFull::word(limit.when_full));
    }
    if let Some(limit) = client.request_limit {
        fields.add("requests_per_second", limit.per_second);
        fields.add("request_burst", limit.burst);
    }
    fields.add("introspect", IntrospectReach::word(client.introspect));
    fields.add("permissions", words::<Permission>(&client.permissions));
    fields.add("certificates", client.certificates);
    fields.add("attributes", attributes::object(client.attributes));
    fields.add("secrets", client.secrets.into_iter().map(secret).collect::<Value>());
    fields.add("create_time", time::moment(client.create_time));
    fields.add("update_time", time::moment(client.update_time));
    fields.add("etag", client.etag);
    fields
}

fn secret(secret: ClientSecret) -> Value {
    let mut fields = Fields::default();
    fields.add("create_time", time::moment(secret.create_time));
    fields.add("expire_time", time::moment(secret.expire_time));
    fields.add("generated", secret.generated);
    fields.into()
}
