//! The `OpenAPI` description of the endpoints, made from the tables that they are served by.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    failure::{Failure, every_kind},
    options::HttpOptions,
    routes::{Endpoint, ROUTES, Revoked, Route},
    schemas,
};

/// The document.
pub(super) fn text(options: &HttpOptions) -> String {
    let mut paths = Map::new();
    for route in &ROUTES {
        for path in route.paths() {
            let described = describe(route, &path);
            paths.insert(path, described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "jeton",
            "summary": "OAuth 2.0 tokens: issue, refresh, revoke, introspect",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": options.url("") }],
        "paths": paths,
        "components": schemas::components(),
    })
    .to_string()
}

fn describe(route: &Route, path: &str) -> Value {
    let (tag, summary, request) = match route.endpoint {
        Endpoint::Token => ("token", "Issues or refreshes tokens (RFC 6749)", "TokenRequest"),
        Endpoint::Revoke(_) => ("revoke", "Revokes a token (RFC 7009)", "RevokeRequest"),
        Endpoint::Introspect => {
            ("introspect", "Says whether a token is good (RFC 7662)", "IntrospectRequest")
        }
        Endpoint::Metadata => {
            return document(path, "The metadata of this server (RFC 8414)", "Metadata");
        }
        Endpoint::Jwks => return jwks(path),
        Endpoint::OpenApi => return document(path, "This description", "OpenApi"),
    };
    let schema = json!({ "schema": reference("schemas", request) });
    json!({ "post": {
        "operationId": operation_id(path),
        "tags": [tag],
        "summary": summary,
        "security": security(route.endpoint),
        "requestBody": { "required": true, "content": {
            "application/x-www-form-urlencoded": schema,
            "application/json": schema,
        } },
        "responses": responses(route),
    } })
}

/// Public keys, which a verifier may keep and ask for again by their tag.
fn jwks(path: &str) -> Value {
    let mut described = document(path, "The public keys of signed access tokens", "Jwks");
    described["get"]["responses"] = json!({
        "200": success("The keys", "application/jwk-set+json", "Jwks"),
        "304": { "description": "The keys are those of the tag in `If-None-Match`" },
    });
    described
}

fn document(path: &str, summary: &str, schema: &str) -> Value {
    json!({ "get": {
        "operationId": operation_id(path),
        "tags": ["documents"],
        "summary": summary,
        "responses": { "200": success("The document", "application/json", schema) },
    } })
}

/// The empty requirement stands for credentials in the body.
fn security(endpoint: Endpoint) -> Value {
    match endpoint {
        Endpoint::Introspect => json!([{ "basic": [] }, { "bearer": [] }, {}]),
        Endpoint::Token | Endpoint::Revoke(_) => json!([{ "basic": [] }, {}]),
        Endpoint::Metadata | Endpoint::Jwks | Endpoint::OpenApi => json!([]),
    }
}

fn responses(route: &Route) -> Value {
    let (status, mut success) = match route.endpoint {
        Endpoint::Token => (200, success("The tokens", "application/json", "TokenAnswer")),
        // Its type is JSON and its body empty, which no schema of JSON describes.
        Endpoint::Revoke(Revoked::EmptyJson) => (200, json!({ "description": "Revoked" })),
        Endpoint::Revoke(Revoked::EmptyHtml) => (200, success("Revoked", "text/html", "Empty")),
        Endpoint::Revoke(Revoked::NoContent) => (204, json!({ "description": "Revoked" })),
        Endpoint::Introspect | Endpoint::Metadata | Endpoint::Jwks | Endpoint::OpenApi => {
            (200, success("What is to be said", "application/json", "Introspection"))
        }
    };
    if route.endpoint == Endpoint::Introspect {
        // RFC 9701.
        let signed = json!({ "schema": { "type": "string", "format": "jwt" } });
        success["content"]["application/token-introspection+jwt"] = signed;
    }
    let mut responses = Map::from_iter([(status.to_string(), success)]);
    for status in failures(route) {
        let response = reference("responses", &schemas::response_name(status));
        responses.insert(status.as_u16().to_string(), response);
    }
    responses.into()
}

/// Every status that the endpoint of a route may refuse with.
fn failures(route: &Route) -> BTreeSet<StatusCode> {
    let own = [Failure::TooLarge { most: 0 }, Failure::TooSlow];
    let all = every_kind().into_iter().chain(own);
    all.map(|failure| failure.status_and_code(route.statuses).0).collect()
}

fn success(description: &str, content_type: &str, schema: &str) -> Value {
    let schema = reference("schemas", schema);
    json!({ "description": description, "content": { content_type: { "schema": schema } } })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// Generators make a function's name of it: `/oauth2/token/` is `oauth2_token_slash`.
fn operation_id(path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slash = path.ends_with('/').then_some("slash");
    words.chain(slash).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Value {
        let text = text(&HttpOptions::default());
        serde_json::from_str(&text).expect("JSON")
    }

    fn keys(object: &Value) -> BTreeSet<String> {
        object.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn the_paths_described_are_the_paths_routed() {
        let routed = ROUTES.iter().flat_map(Route::paths).collect();
        assert_eq!(keys(&described()["paths"]), routed);
    }

    #[test]
    fn the_statuses_described_are_those_of_the_table() {
        let described = described();
        for route in &ROUTES {
            let success = match route.endpoint {
                Endpoint::Revoke(Revoked::NoContent) => "204",
                Endpoint::Token
                | Endpoint::Revoke(Revoked::EmptyJson | Revoked::EmptyHtml)
                | Endpoint::Introspect
                | Endpoint::Metadata
                | Endpoint::Jwks
                | Endpoint::OpenApi => "200",
            };
            let mut expected = BTreeSet::from([success.to_owned()]);
            expected.extend((route.endpoint == Endpoint::Jwks).then(|| "304".to_owned()));
            let documents = [Endpoint::Metadata, Endpoint::Jwks, Endpoint::OpenApi];
            let posted = !documents.contains(&route.endpoint);
            if posted {
                expected.extend(failures(route).iter().map(|status| status.as_str().to_owned()));
            }
            for path in route.paths() {
                let method = if posted { "post" } else { "get" };
                let described = &described["paths"][&path][method]["responses"];
                assert_eq!(keys(described), expected, "{path}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
        let described = described();
        let mut referred = BTreeSet::new();
        references(&described, &mut referred);
        for reference in &referred {
            let target = described.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{reference}");
        }
        for kind in ["schemas", "responses", "headers"] {
            for name in keys(&described["components"][kind]) {
                let reference = format!("#/components/{kind}/{name}");
                assert!(referred.contains(&reference), "{reference}");
            }
        }
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        if let Some(Value::String(reference)) = value.get("$ref") {
            found.insert(reference.clone());
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| references(value, found)),
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let described = described();
        let paths = described["paths"].as_object().expect("paths");
        let operations = paths.values().flat_map(|path| path.as_object().expect("a path").values());
        let names: Vec<&Value> = operations.map(|operation| &operation["operationId"]).collect();
        let distinct: BTreeSet<_> = names.iter().map(|name| name.as_str()).collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(operation_id("/oauth2/token/"), "oauth2_token_slash");
    }
}
