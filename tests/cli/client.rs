//! `jeton client`.

use serde_json::json;

use crate::jeton::{Administered, Jeton, table};

const SETTINGS: &str = "--grant password --grant refresh_token --scope read --scope write \
    --allowed-scope read --allowed-scope write --allowed-scope audit --audience billing \
    --access-token-ttl 5m --refresh-token-ttl 12h --grant-ttl 7d --max-grants 3 --when-full refuse \
    --requests-per-second 50 --request-burst 80 --certificate dns:reports.internal \
    --bound-to identity --introspect audience --permission inactive_reason --attribute team=risk --attribute a=b=c";

/// A token for the client itself.
fn issues(server: &Administered, id: &str, secret: &str) -> bool {
    let jeton = Jeton::new("token issue").with("JETON_SERVER", server.server.url());
    let jeton = jeton.with("JETON_CLIENT_ID", id).with("JETON_CLIENT_SECRET", secret);
    jeton.run().code == Some(0)
}

#[tokio::test]
async fn what_a_client_is_created_with_is_what_is_shown_in_the_words_of_the_settings() {
    let server = Administered::start().await;
    let created = server.jeton(&format!("client create reports {SETTINGS}")).json();
    let expected = json!({
        "client_id": "reports", "client_type": "confidential", "disabled": false,
        "grant_types": ["password", "refresh_token"],
        "scopes": ["read", "write"], "allowed_scopes": ["read", "write", "audit"],
        "audience": ["billing"],
        "access_token_ttl": "5m", "refresh_token_ttl": "12h", "grant_ttl": "7d",
        "max_grants": 3, "when_full": "refuse", "requests_per_second": 50, "request_burst": 80,
        "certificates": ["dns:reports.internal"], "bound_to": "identity", "introspect": "audience",
        "permissions": ["inactive_reason"], "attributes": {"team": "risk", "a": "b=c"},
    });
    let shown = server.jeton("client get reports").json();
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!((&created[name], &shown[name]), (value, value), "{name}");
    }
    assert_eq!(shown["secrets"][0]["generated"], true);
    assert!(shown["create_time"].as_str().expect("a time").ends_with('Z'));
    server.jeton("client create reports").run().failed(1, &["ALREADY_EXISTS"]);
    let outside = server.jeton("client update reports --scope admin").run();
    assert_eq!(outside.err.matches("client.scopes").count(), 1, "{outside:?}");
    outside.failed(1, &["INVALID_REQUEST"]);
    server.jeton("client get nobody").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn a_generated_secret_is_printed_once_on_standard_output_and_works() {
    let server = Administered::start().await;
    let create = "client create mint --grant client_credentials --scope read --output json";
    let created = server.jeton(create).run().succeeded();
    let answer: serde_json::Value = serde_json::from_str(&created.out).expect("JSON");
    let secret = answer["client_secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("jcs_"), "{created:?}");
    assert!(created.err.contains("only time"), "{created:?}");
    assert!(!created.err.contains(&secret), "{created:?}");
    assert!(issues(&server, "mint", &secret));
    for later in ["client get mint", "client list", "client update mint --audience billing"] {
        assert!(!server.jeton(later).text().contains("jcs_"), "{later}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_secret_leaves_the_one_before_good_for_as_long_as_was_said() {
    let server = Administered::start().await;
    let create = "client create mint --grant client_credentials --scope read";
    let secret = |answer: serde_json::Value| answer["client_secret"].as_str().map(str::to_owned);
    let first = secret(server.jeton(create).json()).expect("a secret");
    let second = secret(server.jeton("client rotate-secret mint").json()).expect("a secret");
    assert!(issues(&server, "mint", &first) && issues(&server, "mint", &second));
    let rotate = "client rotate-secret mint --previous-ttl 0s --secret-ttl 30d";
    let third = server.jeton(rotate).json();
    assert_eq!(third["secrets"].as_array().map(Vec::len), Some(1), "{third}");
    assert!(third["secrets"][0]["expire_time"].is_string(), "{third}");
    let third = secret(third).expect("a secret");
    assert!(issues(&server, "mint", &third));
    assert!(!issues(&server, "mint", &first) && !issues(&server, "mint", &second));
    server.stop().await;
}

#[tokio::test]
async fn a_chosen_secret_is_read_from_standard_input_and_never_printed() {
    let server = Administered::start().await;
    let chosen = "a secret that somebody has chosen";
    let create = "client create mint --grant client_credentials --scope read --chosen-secret";
    let created = server.jeton(create).input(&format!("{chosen}\n")).run().succeeded();
    assert!(!created.out.contains(chosen) && !created.out.contains("client_secret"), "{created:?}");
    assert!(issues(&server, "mint", chosen));
    let another = "another secret that somebody has chosen";
    server.jeton("client rotate-secret mint --chosen-secret").input(another).text();
    assert!(issues(&server, "mint", another) && issues(&server, "mint", chosen));
    let short = server.jeton("client create void --chosen-secret").input("x\n").run();
    short.failed(1, &["client_secret: must have at least 15 characters"]);
    server.jeton("client create void --chosen-secret").run().failed(2, &["no secret"]);
    let lines = server.jeton("client create void --chosen-secret").input("one\ntwo\n");
    lines.run().failed(2, &["one line"]);
    server.stop().await;
}

#[tokio::test]
async fn a_client_with_an_identity_has_no_secret_unless_one_is_asked_for() {
    let server = Administered::start().await;
    let identity = "issuer=prod,subject=system:serviceaccount:shop:orders,uid=7c1b";
    let made = server.jeton("client create orders --identity").and(identity).json();
    assert_eq!(made["identities"], json!([identity]));
    assert_eq!((&made["secrets"], &made["client_secret"]), (&json!([]), &json!(null)));
    let more = "client create reports --secret-ttl 30d --identity issuer=ci,subject=a=b,c";
    let made = server.jeton(more).json();
    assert!(made["client_secret"].is_string(), "{made}");
    assert_eq!(made["identities"], json!(["issuer=ci,subject=a=b,c"]));
    let changed = server.jeton("client update orders --identity issuer=ci,subject=x").json();
    assert_eq!(changed["identities"], json!(["issuer=ci,subject=x"]));
    let bare = server.jeton("client update orders --clear identities").run();
    bare.failed(1, &["must keep a secret, a certificate, an identity or a key"]);
    let wrong = server.jeton("client create c --identity prod:orders").run();
    assert!(wrong.code == Some(2) && wrong.err.contains("issuer=NAME,subject=TEXT"), "{wrong:?}");
    server.jeton("client create c --no-secret").run().failed(1, &["must keep a secret"]);
    server.stop().await;
}

#[tokio::test]
async fn a_client_with_another_way_gets_rid_of_its_secrets_and_one_without_keeps_them() {
    let server = Administered::start().await;
    let remove = |id: &str| server.jeton("client remove-secrets").and(id);
    remove("shop").run().failed(1, &["INVALID_REQUEST", "must keep a secret"]);
    assert!(issues(&server, "shop", "shop-secret"));
    let identity = "issuer=prod,subject=system:serviceaccount:shop:shop";
    let update = server.jeton("client update shop --identity").and(identity).json();
    let etag = update["etag"].as_str().expect("an etag").to_owned();
    assert!(issues(&server, "shop", "shop-secret"), "beside the identity");
    let token = server.as_client("shop", "token issue --field access_token").text();
    remove("shop").and("--etag").and(&update["update_time"].to_string()).run().failed(1, &[]);
    let removed = remove("shop").and("--etag").and(&etag).json();
    assert_eq!(removed["secrets"], serde_json::json!([]), "{removed}");
    assert!(!issues(&server, "shop", "shop-secret"));
    // Its grants live on, and it can have a secret again.
    let introspect = server.as_client("gateway", "token introspect --field active");
    assert_eq!(introspect.input(&token).text().trim(), "true");
    let again = server.jeton("client rotate-secret shop --field client_secret").text();
    assert!(issues(&server, "shop", again.trim()));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_added_listed_and_removed_and_two_are_kept() {
    let server = Administered::start().await;
    let jwk = |last: &str| {
        let x = format!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR{last}");
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{last}"}}"#)
    };
    let create = server.jeton("client create orders --jwks-file -").input(&jwk("o"));
    assert_eq!(create.json()["secrets"], json!([]));
    let add = |last: &str| server.jeton("client key add orders -").input(&jwk(last)).json();
    add("s");
    let list = server.jeton("client key list orders").json();
    let kids = |list: &serde_json::Value| {
        let keys = list.as_array().expect("a list").iter();
        keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kids(&list), ["o", "s"]);
    assert!(list[0]["expire_time"].is_string() && list[1]["expire_time"].is_null(), "{list}");
    assert_eq!(kids(&add("w")["keys"]), ["s", "w"]);
    let first = list[1]["thumbprint"].as_str().expect("a thumbprint");
    let left = server.jeton("client key remove orders").and(first).json();
    assert_eq!(kids(&left["keys"]), ["w"]);
    server.jeton("client key remove orders").and(first).run().failed(2, &["no such key"]);
    let at_once =
        server.jeton("client key add orders - --previous-ttl 0s --ttl 30d").input(&jwk("k"));
    assert_eq!(kids(&at_once.json()["keys"]), ["k"]);
    let private = jwk("o").replace("kid", "d");
    let refused = server.jeton("client key add orders -").input(&private).run();
    refused.failed(1, &["private key"]);
    server.stop().await;
}

#[tokio::test]
async fn an_update_changes_what_is_given_and_nothing_else() {
    let server = Administered::start().await;
    let before = server.jeton(&format!("client create reports {SETTINGS}")).json();
    let after = server.jeton("client update reports --scope audit --max-grants 9").json();
    assert_eq!(after["scopes"], json!(["audit"]));
    assert_eq!((&after["max_grants"], &after["when_full"]), (&json!(9), &json!("refuse")));
    for same in ["allowed_scopes", "audience", "attributes", "request_burst", "permissions"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let clear = "--clear attributes --clear permissions --clear request_limit --clear certificates";
    let cleared = server.jeton(&format!("client update reports {clear}")).json();
    assert_eq!(cleared["attributes"], json!({}));
    assert_eq!((&cleared["permissions"], &cleared["certificates"]), (&json!([]), &json!([])));
    assert_ne!(cleared["requests_per_second"], json!(50));
    let stale = after["etag"].as_str().expect("an etag");
    let late = server.jeton("client update reports --introspect any --etag").and(stale);
    late.run().failed(1, &["CONFLICT", "look, then repeat"]);
    server.jeton("client update reports").run().failed(2, &["nothing to change"]);
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_client_is_refused_until_it_is_enabled() {
    let server = Administered::start().await;
    assert!(issues(&server, "shop", "shop-secret"));
    server.jeton("client disable shop").run().failed(1, &["nothing was done", "--yes"]);
    assert!(issues(&server, "shop", "shop-secret"));
    assert_eq!(server.jeton("client disable shop --yes").json()["disabled"], true);
    assert!(!issues(&server, "shop", "shop-secret"));
    let listed = server.jeton("client list --disabled").json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(server.jeton("client enable shop").json()["disabled"], false);
    assert!(issues(&server, "shop", "shop-secret"));
    server.stop().await;
}

#[tokio::test]
async fn a_client_is_deleted_only_after_a_yes() {
    let server = Administered::start().await;
    server.jeton("client delete rival").run().failed(1, &["nothing was done", "--yes"]);
    server.jeton("client get rival").text();
    let deleted = server.jeton("client delete rival --yes").json();
    assert_eq!(deleted, json!({"client_id": "rival", "deleted": true}));
    server.jeton("client get rival").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn clients_are_listed_as_a_table_with_headers_and_as_one_array() {
    let server = Administered::start().await;
    let text = server.jeton("client list --wide").text();
    let rows = table(&text);
    let headers = ["CLIENT ID", "CLIENT TYPE", "GRANT TYPES", "SCOPES", "PERMISSIONS", "DISABLED"];
    assert_eq!(rows[0], headers, "{text}");
    let app = rows.iter().find(|row| row[0] == "app").expect("a line for app");
    assert_eq!(app[1..], ["public", "password, refresh_token", "read, write", "-", "false"]);
    let column = text.lines().next().and_then(|line| line.find("CLIENT TYPE")).expect("a column");
    let aligned = |line: &str| {
        ["confidential", "public", "CLIENT TYPE"]
            .iter()
            .any(|word| line[column..].starts_with(word))
    };
    assert!(text.lines().all(aligned), "{text}");

    let ids = |listed: serde_json::Value| -> Vec<String> {
        let clients = listed.as_array().expect("an array").iter();
        clients.map(|client| client["client_id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = ["app", "billing", "gateway", "kiosk", "rival", "root", "shop"];
    assert_eq!(ids(server.jeton("client list").json()), all);
    assert_eq!(ids(server.jeton("client list --prefix r").json()), ["rival", "root"]);
    assert_eq!(ids(server.jeton("client list --permission admin").json()), ["root"]);
    assert_eq!(ids(server.jeton("client list --limit 2").json()), ["app", "billing"]);
    assert_eq!(server.jeton("client list --prefix zz").json(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_public_client_has_no_secret() {
    let server = Administered::start().await;
    let created = server.jeton("client create spa --public --grant password --scope read").json();
    assert_eq!(created["client_type"], "public");
    assert_eq!((&created["client_secret"], &created["secrets"]), (&json!(null), &json!([])));
    let both = server.jeton("client create spb --public --chosen-secret").run();
    assert_eq!(both.code, Some(2), "{both:?}");
    server.stop().await;
}

/// Runs a command with what it prints going where nothing fits.
fn run_full(jeton: &Jeton) -> std::process::Output {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    jeton.command().stdout(full).output().expect("jeton runs")
}

#[tokio::test]
async fn a_secret_that_cannot_be_shown_does_not_count() {
    let server = Administered::start().await;
    for output in ["", " --output json"] {
        let ran = run_full(&server.jeton(&format!("client create mint{output}")));
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains("nothing was changed"), "{ran:?}");
        server.jeton("client get mint").run().failed(1, &["NOT_FOUND"]);
        let before = server.jeton("client get shop").json();
        let ran = run_full(&server.jeton(&format!("client rotate-secret shop{output}")));
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert_eq!(server.jeton("client get shop").json(), before);
    }
    // Nor is it lost when only the remark beside it cannot be shown.
    let jeton = server.jeton("client create mint --grant client_credentials --scope read");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let ran = jeton.command().stderr(full).output().expect("jeton runs");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let out = String::from_utf8(ran.stdout).expect("UTF-8");
    let secret = out.lines().find_map(|line| line.strip_prefix("client_secret")).expect("shown");
    assert!(issues(&server, "mint", secret.trim()));
    server.stop().await;
}

#[tokio::test]
async fn a_rotation_may_insist_on_the_state_that_it_means() {
    let server = Administered::start().await;
    let etag = server.jeton("client get shop").json()["etag"].as_str().map(str::to_owned);
    let etag = etag.expect("an etag");
    let rotate = || server.jeton("client rotate-secret shop --etag").and(&etag);
    rotate().text();
    rotate().run().failed(1, &["CONFLICT"]);
    server.stop().await;
}
