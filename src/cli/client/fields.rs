//! The fields of a client: the flags that set them, for creating and for changing one, and how they are printed.

use clap::Args;
use serde_json::Value;

use crate::{
    cli::{
        attributes, meant,
        output::{Columns, Fields},
        time,
        words::{Word as _, words},
    },
    proto::v1,
};

/// Of a list, for people.
pub(super) const COLUMNS: Columns = Columns::new(
    &["client_id", "client_type", "scopes", "permissions", "disabled"],
    &["client_id", "client_type", "grant_types", "scopes", "permissions", "disabled"],
);

/// Fields that can be empty, by their names in the protobuf message.
pub(super) const CLEARABLE: [&str; 14] = [
    "grant_types",
    "scopes",
    "allowed_scopes",
    "audience",
    "request_limit",
    "certificates",
    "identities",
    "keys",
    "permissions",
    "attributes",
    "jwt_attributes",
    "may_exchange_to",
    "may_act",
    "bound_to",
];

/// In the words of the settings file.
#[derive(Args, Debug)]
pub(super) struct Values {
    /// A way in which it may get tokens; may be repeated
    #[arg(long = "grant", value_name = "WORD", value_parser = v1::GrantType::parser())]
    grants: Vec<v1::GrantType>,

    /// A scope that is granted when none is asked; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = meant::given)]
    scopes: Vec<String>,

    /// A scope that may be asked; may be repeated. A new client may ask for its scopes unless given
    #[arg(long = "allowed-scope", value_name = "SCOPE", value_parser = meant::given)]
    allowed_scopes: Vec<String>,

    /// A service its tokens are meant for; may be repeated
    #[arg(long, value_name = "NAME", value_parser = meant::given)]
    audience: Vec<String>,

    /// Life of an access token, for example 15m
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    access_token_ttl: Option<prost_types::Duration>,

    /// Life of a refresh token that is not used, for example 30d
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    refresh_token_ttl: Option<prost_types::Duration>,

    /// Longest life of a grant and everything of it, for example 90d
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    grant_ttl: Option<prost_types::Duration>,

    /// Most live grants of each of its users
    #[arg(long, value_name = "COUNT")]
    max_grants: Option<u32>,

    /// Effect of a login beyond that: it ends the oldest grant, or is refused
    #[arg(long, value_name = "WORD", value_parser = v1::WhenFull::parser())]
    when_full: Option<v1::WhenFull>,

    /// Number of its requests that are served a second; 0 for no limit
    #[arg(long, value_name = "COUNT")]
    requests_per_second: Option<u32>,

    /// Number of its requests that are served at once after a pause
    #[arg(long, value_name = "COUNT")]
    request_burst: Option<u32>,

    /// A certificate that is as good as its secret: dns:HOST, uri:URI or sha256:HEX; may be
    /// repeated
    #[arg(long = "certificate", value_name = "IDENTITY", value_parser = meant::given)]
    certificates: Vec<String>,

    /// An identity of a trusted issuer that is as good as its secret; may be repeated
    #[arg(
        long = "identity",
        value_name = "issuer=NAME,subject=TEXT[,uid=TEXT]",
        value_parser = identity
    )]
    identities: Vec<v1::ClientIdentity>,

    /// Format of its access tokens: opaque, or signed for everybody to verify
    #[arg(long, value_name = "WORD", value_parser = v1::AccessTokenFormat::parser())]
    access_token_format: Option<v1::AccessTokenFormat>,

    /// An attribute that its signed access tokens show; may be repeated
    #[arg(long = "jwt-attribute", value_name = "NAME", value_parser = meant::given)]
    jwt_attributes: Vec<String>,

    /// A service for which it may exchange tokens of users that it was shown; may be repeated
    #[arg(long, value_name = "NAME", value_parser = meant::given)]
    may_exchange_to: Vec<String>,

    /// A client that may exchange its tokens; may be repeated. All that they are meant for unless given
    #[arg(long, value_name = "ID", value_parser = meant::given)]
    may_act: Vec<String>,

    /// Part of the certificate of its connection that its tokens are bound to
    #[arg(long, value_name = "WORD", value_parser = v1::BoundTo::parser())]
    bound_to: Option<v1::BoundTo>,

    /// The tokens that it may introspect
    #[arg(long, value_name = "WORD", value_parser = v1::IntrospectReach::parser())]
    introspect: Option<v1::IntrospectReach>,

    /// A further permission; may be repeated
    #[arg(long = "permission", value_name = "WORD", value_parser = v1::Permission::parser())]
    permissions: Vec<v1::Permission>,

    /// A fact that introspection shows of it; may be repeated
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attributes::parse)]
    attributes: Vec<(String, String)>,
}

impl Values {
    /// Returns whether the other half of a limit has to come from the client as it is.
    pub(super) fn splits_a_limit(&self) -> bool {
        self.max_grants.is_some() != self.when_full.is_some()
            || self.requests_per_second.is_some() != self.request_burst.is_some()
    }

    /// Puts the given values into the client, and returns the protobuf names of their fields.
    pub(super) fn apply(self, client: &mut v1::Client) -> Vec<&'static str> {
        let mut paths = Vec::new();
        let grants = self.grants.into_iter().map(Into::into).collect();
        list(&mut client.grant_types, grants, "grant_types", &mut paths);
        list(&mut client.scopes, self.scopes, "scopes", &mut paths);
        list(&mut client.allowed_scopes, self.allowed_scopes, "allowed_scopes", &mut paths);
        list(&mut client.audience, self.audience, "audience", &mut paths);
        list(&mut client.certificates, self.certificates, "certificates", &mut paths);
        list(&mut client.identities, self.identities, "identities", &mut paths);
        list(&mut client.jwt_attributes, self.jwt_attributes, "jwt_attributes", &mut paths);
        list(&mut client.may_exchange_to, self.may_exchange_to, "may_exchange_to", &mut paths);
        list(&mut client.may_act, self.may_act, "may_act", &mut paths);
        let permissions = self.permissions.into_iter().map(Into::into).collect();
        list(&mut client.permissions, permissions, "permissions", &mut paths);

        let ttls = [
            (&mut client.access_token_ttl, self.access_token_ttl, "access_token_ttl"),
            (&mut client.refresh_token_ttl, self.refresh_token_ttl, "refresh_token_ttl"),
            (&mut client.grant_ttl, self.grant_ttl, "grant_ttl"),
        ];
        for (ttl, given, path) in ttls {
            if given.is_some() {
                *ttl = given;
                paths.push(path);
            }
        }
        if self.max_grants.is_some() || self.when_full.is_some() {
            let limit = client.grant_limit.get_or_insert_default();
            limit.max = self.max_grants.unwrap_or(limit.max);
            limit.when_full = self.when_full.map_or(limit.when_full, Into::into);
            paths.push("grant_limit");
        }
        if self.requests_per_second.is_some() || self.request_burst.is_some() {
            let limit = client.request_limit.get_or_insert_default();
            limit.per_second = self.requests_per_second.unwrap_or(limit.per_second);
            limit.burst = self.request_burst.unwrap_or(limit.burst);
            paths.push("request_limit");
        }
        if let Some(format) = self.access_token_format {
            client.access_token_format = format.into();
            paths.push("access_token_format");
        }
        if let Some(part) = self.bound_to {
            client.bound_to = part.into();
            paths.push("bound_to");
        }
        if let Some(reach) = self.introspect {
            client.introspect = reach.into();
            paths.push("introspect");
        }
        if !self.attributes.is_empty() {
            client.attributes = self.attributes.into_iter().collect();
            paths.push("attributes");
        }
        paths
    }
}

/// A list that is given replaces the one there is.
fn list<T>(field: &mut Vec<T>, given: Vec<T>, path: &'static str, paths: &mut Vec<&'static str>) {
    if !given.is_empty() {
        *field = given;
        paths.push(path);
    }
}

/// All of it.
pub(super) fn shown(client: v1::Client) -> Fields {
    let mut fields = Fields::default();
    fields.add("client_id", client.client_id);
    fields.add("client_type", v1::ClientType::word(client.client_type));
    fields.add("disabled", client.disabled);
    fields.add("grant_types", words::<v1::GrantType>(&client.grant_types));
    fields.add("scopes", client.scopes);
    fields.add("allowed_scopes", client.allowed_scopes);
    fields.add("audience", client.audience);
    fields.add("access_token_ttl", time::duration(client.access_token_ttl));
    fields.add("refresh_token_ttl", time::duration(client.refresh_token_ttl));
    fields.add("grant_ttl", time::duration(client.grant_ttl));
    if let Some(limit) = client.grant_limit {
        fields.add("max_grants", limit.max);
        fields.add("when_full", v1::WhenFull::word(limit.when_full));
    }
    if let Some(limit) = client.request_limit {
        fields.add("requests_per_second", limit.per_second);
        fields.add("request_burst", limit.burst);
    }
    fields.add("access_token_format", v1::AccessTokenFormat::word(client.access_token_format));
    fields.add("jwt_attributes", client.jwt_attributes);
    fields.add("may_exchange_to", client.may_exchange_to);
    fields.add("may_act", client.may_act);
    if let Some(part) = v1::BoundTo::word(client.bound_to) {
        fields.add("bound_to", part);
    }
    fields.add("introspect", v1::IntrospectReach::word(client.introspect));
    fields.add("permissions", words::<v1::Permission>(&client.permissions));
    fields.add("certificates", client.certificates);
    let identities = client.identities.into_iter().map(identity_text);
    fields.add("identities", identities.collect::<Vec<_>>());
    let keys = client.keys.into_iter().map(|key| Value::from(public_key(key)));
    fields.add("keys", keys.collect::<Value>());
    fields.add("attributes", attributes::object(client.attributes));
    fields.add("secrets", client.secrets.into_iter().map(secret).collect::<Value>());
    fields.add("create_time", time::moment(client.create_time));
    fields.add("update_time", time::moment(client.update_time));
    fields.add("etag", client.etag);
    fields
}

/// Reads `issuer=NAME,subject=TEXT[,uid=TEXT]`; the subject may hold commas and equals signs.
fn identity(text: &str) -> Result<v1::ClientIdentity, &'static str> {
    const FORM: &str = "an identity is written issuer=NAME,subject=TEXT or \
                        issuer=NAME,subject=TEXT,uid=TEXT";
    let (issuer, rest) =
        text.strip_prefix("issuer=").and_then(|text| text.split_once(",subject=")).ok_or(FORM)?;
    let (subject, uid) = rest.rsplit_once(",uid=").unwrap_or((rest, ""));
    if issuer.is_empty() || subject.is_empty() {
        return Err(FORM);
    }
    let [issuer, subject, uid] = [issuer, subject, uid].map(str::to_owned);
    Ok(v1::ClientIdentity { issuer, subject, uid })
}

/// As it is typed.
fn identity_text(v1::ClientIdentity { issuer, subject, uid }: v1::ClientIdentity) -> String {
    let pinned = if uid.is_empty() { String::new() } else { format!(",uid={uid}") };
    format!("issuer={issuer},subject={subject}{pinned}")
}

/// A key, by the members that people know it by.
pub(super) fn public_key(key: v1::ClientKey) -> Fields {
    let jwk: Value = serde_json::from_str(&key.jwk).unwrap_or_default();
    let mut fields = Fields::default();
    fields.add("thumbprint", key.thumbprint);
    for member in ["kty", "kid", "alg"] {
        fields.add(member, jwk[member].as_str().unwrap_or_default().to_owned());
    }
    fields.add("expire_time", time::moment(key.expire_time));
    fields.add("jwk", key.jwk);
    fields
}

fn secret(secret: v1::ClientSecret) -> Value {
    let mut fields = Fields::default();
    fields.add("create_time", time::moment(secret.create_time));
    fields.add("expire_time", time::moment(secret.expire_time));
    fields.add("generated", secret.generated);
    fields.into()
}
