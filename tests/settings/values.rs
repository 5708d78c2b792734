//! Values that are read from a file.

use std::{num::NonZeroUsize, path::Path, time::Duration};

use bytesize::ByteSize;
use jeton::{
    bearer::IdentityHeaders,
    config::{
        AuditSettings, DeclaredPassword, DeclaredSecret, EnvoyUndecided, Loaded, LogFormat,
        Overrides, Runtime, Settings, SocketAccess, SocketMode, SocketOwner, SocketUids,
    },
    domain::{
        client::{ClientType, IntrospectReach},
        client_id::ClientId,
        client_secret::StoredSecret,
        confirmation::BoundTo,
        grant_type::GrantType,
    },
};

use super::fake::{Fake, PHC};

#[test]
fn without_a_file_everything_has_its_default() {
    let loaded = Settings::load(None, &Overrides::default(), &Fake::default()).expect("defaults");
    assert_eq!(loaded, Loaded { settings: Settings::default(), warnings: vec![] });
    assert_eq!(loaded.settings, Fake::with_settings("").settings());

    let settings = loaded.settings;
    assert_eq!(settings.grpc.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.ops.listen.map(|ops| ops.to_string()).as_deref(), Some("127.0.0.1:9090"));
    assert_eq!(settings.store.path, Path::new("jeton-data"));
    assert_eq!(settings.store.cache_bytes, ByteSize::mib(256));
    assert_eq!(settings.store.min_free_space, ByteSize::mib(256));
    assert!(settings.store.url.is_none() && settings.store.tls_ca.is_none());
    assert_eq!(settings.store.connections, 16);
    assert_eq!(settings.store.max_staleness, Duration::from_secs(1));
    assert_eq!(settings.keys.path, Path::new("jeton-keys"));
    assert_eq!(settings.tokens.retry_window, Duration::from_secs(60));
    assert_eq!(settings.tokens.access_overlap, Duration::from_secs(60));
    assert_eq!(settings.passwords.cost.memory_kib, 19 * 1024);
    assert_eq!(settings.passwords.rules.min_length, 15);
    assert_eq!(settings.lockout.failures, 5);
    assert_eq!(settings.lockout.first_wait, Duration::from_secs(60));
    assert_eq!(settings.lockout.longest_wait, Duration::from_secs(60 * 60));
    assert_eq!(settings.lockout.forget_after, Duration::from_secs(12 * 60 * 60));
    assert_eq!(settings.audit, AuditSettings::Log);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(settings.log.filter, "info");
    assert_eq!(settings.serve.drain_timeout, Duration::from_secs(10));
    assert!(!settings.serve.allow_plaintext);
}

#[test]
fn every_listener_can_be_a_socket_with_those_who_may_connect() {
    let of = |name: &str| {
        format!(
            r#"
            [{name}]
            listen = "unix:/run/jeton/{name}.sock"
            socket_mode = "0660"
            socket_owner = ":33"
            socket_uids = ["33", "0"]
            "#
        )
    };
    let text = ["grpc", "http", "ops", "check"].map(of).concat() + r#"client = "gateway""#;
    let settings = Fake::with_settings(&text).settings();
    let socket = SocketAccess {
        mode: SocketMode(0o660),
        owner: SocketOwner { user: None, group: Some(33) },
        uids: SocketUids::parse("33,0").ok(),
    };
    let (grpc, http, ops, check) = (settings.grpc, settings.http, settings.ops, settings.check);
    assert_eq!(
        [grpc.socket, http.socket, ops.socket, check.socket],
        [(); 4].map(|()| socket.clone())
    );
    let listeners = [Some(grpc.listen), Some(http.listen), ops.listen, check.listen];
    let listeners = listeners.map(|listen| listen.expect("a socket").to_string());
    assert_eq!(
        listeners,
        ["grpc", "http", "ops", "check"].map(|name| format!("unix:/run/jeton/{name}.sock"))
    );
}

#[test]
fn every_section_is_read() {
    let settings = Fake::with_settings(
        r#"
        [grpc]
        listen = "[::1]:1"
        reflection = false
        [http]
        listen = "127.0.0.2:2"
        issuer = "https://tokens.example"
        cors_allowed_origins = ["https://app.example", "ionic://localhost"]
        cors_allowed_headers = ["traceparent", "x-app"]
        [ops]
        listen = "off"
        [check]
        listen = "unix:/run/jeton/check.sock"
        client = "gateway"
        header_prefix = "x-auth-"
        envoy_remove_authorization = true
        envoy_undecided = "fail"
        [store]
        url = "postgres://jeton@db.example/jeton"
        tls_ca = "/ca.pem"
        connections = 4
        max_staleness = "500ms"
        path = "/data"
        cache_bytes = "1GiB"
        min_free_space = "0"
        [keys]
        path = "/keys"
        [tokens]
        retry_window = "0s"
        access_overlap = "5s"
        [passwords]
        memory = "64KiB"
        iterations = 3
        parallelism = 4
        threads = 5
        max_wait = "2s"
        min_length = 8
        [lockout]
        failures = 3
        first_wait = "2s"
        longest_wait = "3s"
        forget_after = "4s"
        [log]
        format = "json"
        filter = "warn,jeton=debug"
        [audit]
        target = "file:/var/log/audit"
        [serve]
        allow_plaintext = true
        runtime = "shared"
        drain_delay = "3s"
        drain_timeout = "1m"
        "#,
    )
    .settings();
    assert_eq!(settings.grpc.listen.to_string(), "[::1]:1");
    assert!(!settings.grpc.reflection);
    assert_eq!(settings.http.listen.to_string(), "127.0.0.2:2");
    assert_eq!(settings.http.issuer.as_deref(), Some("https://tokens.example"));
    assert_eq!(settings.http.cors_allowed_origins, ["https://app.example", "ionic://localhost"]);
    assert_eq!(settings.http.cors_allowed_headers, ["traceparent", "x-app"]);
    assert_eq!(settings.ops.listen, None);
    let listen = settings.check.listen.map(|listen| listen.to_string());
    assert_eq!(listen.as_deref(), Some("unix:/run/jeton/check.sock"));
    assert_eq!(settings.check.client.as_ref().map(ClientId::as_str), Some("gateway"));
    assert_eq!(Some(settings.check.header_prefix), IdentityHeaders::with_prefix("x-auth-"));
    assert!(settings.check.envoy_remove_authorization);
    assert_eq!(settings.check.envoy_undecided, EnvoyUndecided::Fail);
    assert_eq!(settings.store.path, Path::new("/data"));
    assert_eq!(settings.store.cache_bytes, ByteSize::gib(1));
    assert_eq!(settings.store.min_free_space, ByteSize(0));
    let url = settings.store.url.as_ref().map(|database| database.url.expose());
    assert_eq!(url, Some("postgres://jeton@db.example/jeton"));
    assert_eq!(settings.store.tls_ca.as_deref(), Some(Path::new("/ca.pem")));
    assert_eq!(settings.store.connections, 4);
    assert_eq!(settings.store.max_staleness, Duration::from_millis(500));
    assert_eq!(settings.keys.path, Path::new("/keys"));
    assert_eq!(settings.tokens.retry_window, Duration::ZERO);
    assert_eq!(settings.tokens.access_overlap, Duration::from_secs(5));
    assert_eq!(settings.passwords.cost.memory_kib, 64);
    assert_eq!(settings.passwords.cost.iterations, 3);
    assert_eq!(settings.passwords.cost.parallelism, 4);
    assert_eq!(settings.passwords.threads, NonZeroUsize::new(5));
    assert_eq!(settings.passwords.max_wait, Duration::from_secs(2));
    assert_eq!(settings.passwords.rules.min_length, 8);
    assert_eq!(settings.lockout.failures, 3);
    assert_eq!(settings.lockout.first_wait, Duration::from_secs(2));
    assert_eq!(settings.lockout.longest_wait, Duration::from_secs(3));
    assert_eq!(settings.lockout.forget_after, Duration::from_secs(4));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.log.filter, "warn,jeton=debug");
    assert_eq!(settings.audit, AuditSettings::File("/var/log/audit".into()));
    assert!(settings.serve.allow_plaintext);
    assert_eq!(settings.serve.runtime, Runtime::Shared);
    assert_eq!(settings.serve.drain_delay, Duration::from_secs(3));
    assert_eq!(settings.serve.drain_timeout, Duration::from_secs(60));
}

#[test]
fn a_client_is_read_field_by_field() {
    let environment = Fake::with_settings(
        r#"
        [[client]]
        id = "orders"
        secret_env = "ORDERS_SECRET"
        grants = ["password", "refresh_token"]
        scopes = ["write", "read"]
        allowed_scopes = ["read", "write", "audit"]
        audience = ["billing"]
        access_token_ttl = "1m"
        refresh_token_ttl = "1d"
        grant_ttl = "2d"
        requests_per_second = 20
        request_burst = 50
        certificates = ["dns:Orders.example", "uri:spiffe://a/orders", "dns:orders.example"]
        introspect = "audience"
        permissions = ["inactive_reason"]
        attributes = { team = "payments" }
        disabled = true
        "#,
    )
    .variable("ORDERS_SECRET", "correct horse battery staple");
    let [client] = &*environment.settings().clients else { panic!("one client") };

    assert_eq!(client.id.as_str(), "orders");
    let Some(DeclaredSecret::Clear(secret)) = &client.secret else { panic!("a clear secret") };
    assert_eq!(secret.expose(), "correct horse battery staple");
    let grants = client.patch.grant_types.expect("grants");
    assert!(grants.contains(GrantType::Password) && !grants.contains(GrantType::ClientCredentials));
    assert_eq!(client.patch.default_scopes.as_ref().expect("scopes").as_str(), "write read");
    assert_eq!(client.patch.allowed_scopes.as_ref().expect("scopes").as_str(), "read write audit");
    assert!(client.patch.audience.as_ref().expect("audience").names().eq(["billing"]));
    assert_eq!(client.patch.access_token_ttl, Some(Duration::from_secs(60)));
    assert_eq!(client.patch.refresh_token_ttl, Some(Duration::from_secs(86_400)));
    assert_eq!(client.patch.grant_ttl, Some(Duration::from_secs(2 * 86_400)));
    let limit = client.patch.request_limit.flatten().expect("a limit");
    assert_eq!((limit.per_second.get(), limit.burst.get()), (20, 50));
    let certificates = client.patch.certificates.as_ref().expect("certificates");
    let certificates: Vec<String> = certificates.iter().map(ToString::to_string).collect();
    assert_eq!(certificates, ["dns:orders.example", "uri:spiffe://a/orders"]);
    assert_eq!(client.patch.introspect, Some(IntrospectReach::Audience));
    let permissions = client.patch.permissions.expect("permissions");
    assert!(permissions.inactive_reason && !permissions.admin);
    let attributes = client.patch.attributes.as_ref().expect("attributes");
    assert!(attributes.entries().eq([("team", "payments")]));
    assert_eq!(client.patch.disabled, Some(true));
}

#[test]
fn what_is_not_declared_is_not_made_up() {
    let settings =
        Fake::with_settings("[[client]]\nid = 'a'\n[[user]]\nname = 'b'\npassword = 'c'")
            .settings();
    let ([client], [user]) = (&*settings.clients, &*settings.users) else { panic!("one of each") };
    assert_eq!(client.secret, None, "public");
    assert_eq!(client.patch.grant_types, None);
    assert_eq!((&client.patch.default_scopes, &client.patch.allowed_scopes), (&None, &None));
    assert_eq!((client.patch.access_token_ttl, client.patch.grant_ttl), (None, None));
    assert_eq!(
        (client.patch.introspect, client.patch.permissions, client.patch.disabled),
        (None, None, None)
    );
    assert_eq!((&user.patch.attributes, user.patch.disabled), (&None, None));
}

#[test]
fn a_client_with_a_certificate_needs_no_secret_and_a_burst_is_the_limit_unless_declared() {
    let settings = Fake::with_settings(
        r#"
        client = [
            { id = "a", certificates = ["dns:a.example"], grants = ["client_credentials"], permissions = ["admin"] },
            { id = "b", certificates = [], requests_per_second = 5 },
        ]
        "#,
    )
    .settings();
    let [certified, public] = &*settings.clients else { panic!("two clients") };
    assert_eq!(certified.client_type(), ClientType::Confidential);
    assert_eq!(public.client_type(), ClientType::Public);
    assert_eq!(public.patch.request_limit.flatten().expect("a limit").burst.get(), 5);
}

#[test]
fn a_client_with_an_identity_or_a_key_needs_no_secret() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let settings = |text: &str, jwks: &str| {
        Fake::with_settings(text).file("orders.json", jwks, false).load(&Overrides::default())
    };
    let text = r#"
        [[client]]
        id = "a"
        identities = [
            { issuer = "prod", subject = "system:serviceaccount:shop:orders", uid = "7c1b" },
            { issuer = "ci", subject = "repo:shop/orders" },
            { issuer = "ci", subject = "repo:shop/orders" },
        ]
        grants = ["client_credentials"]
        [[client]]
        id = "b"
        jwks_file = "orders.json"
        [[client]]
        id = "c"
        identities = []
        "#;
    let loaded = settings(text, jwk).expect("good settings");
    let [by_identity, by_key, public] = &*loaded.settings.clients else { panic!("three") };
    assert_eq!(by_identity.client_type(), ClientType::Confidential);
    let identities = by_identity.patch.identities.as_ref().expect("identities");
    let identities: Vec<_> = identities.iter().map(ToString::to_string).collect();
    let account = "issuer=prod,subject=system:serviceaccount:shop:orders,uid=7c1b";
    assert_eq!(identities, [account, "issuer=ci,subject=repo:shop/orders"]);
    assert_eq!(by_key.client_type(), ClientType::Confidential);
    assert_eq!(by_key.patch.keys.as_ref().map(Vec::len), Some(1));
    assert_eq!(public.client_type(), ClientType::Public);

    let refused = settings(text, r#"{"kty":"oct","k":"c2VjcmV0"}"#).expect_err("a shared secret");
    let refused = refused.to_string();
    assert!(refused.contains("client.jwks_file: orders.json must not be a symmetric"), "{refused}");
    assert!(!refused.contains("c2VjcmV0"), "{refused}");
}

#[test]
fn allowed_scopes_are_the_default_ones_unless_declared() {
    let scopes = |text: &str| {
        let settings = Fake::with_settings(&format!("[[client]]\nid = 'a'\n{text}")).settings();
        let [client] = &*settings.clients else { panic!("one client") };
        [&client.patch.default_scopes, &client.patch.allowed_scopes]
            .map(|scopes| scopes.as_ref().map(ToString::to_string))
    };
    let text = |scopes: &str| Some(scopes.to_owned());
    assert_eq!(scopes("scopes = ['r', 'w']"), [text("r w"), text("r w")]);
    assert_eq!(scopes("allowed_scopes = ['r']"), [None, text("r")]);
}

#[test]
fn a_secret_is_taken_from_wherever_it_is_given() {
    let environment = Fake::with_settings(
        r#"
        client = [
            { id = "clear", secret = "violet \"tram\" 84 linden" },
            { id = "variable", secret_env = "SECRET" },
            { id = "file", secret_file = "/run/secret" },
            { id = "marked", secret_file = "/run/marked" },
        ]
        "#,
    )
    .variable("SECRET", "violet tram from the variable\n")
    .file("/run/secret", "violet tram from the file\n", false)
    .file("/run/marked", "\u{feff}violet tram from a file with a mark\r\n", false);
    let clients = environment.settings().clients;
    let secrets: Vec<&str> = clients
        .iter()
        .map(|client| match &client.secret {
            Some(DeclaredSecret::Clear(secret)) => secret.expose(),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        "violet \"tram\" 84 linden",
        "violet tram from the variable",
        "violet tram from the file",
        "violet tram from a file with a mark",
    ];
    assert_eq!(secrets, expected);
}

#[test]
fn hashes_are_taken_as_they_are() {
    let digits = "0a".repeat(32);
    let settings = Fake::with_settings(&format!(
        r#"
        client = [
            {{ id = "generated", secret_hash = "sha256:{digits}" }},
            {{ id = "chosen", secret_hash = "{PHC}" }},
        ]
        user = [{{ name = "Alice", password_hash = "{PHC}" }}]
        "#
    ))
    .settings();
    let hashes = settings.clients.iter().map(|client| client.secret.as_ref().expect("a secret"));
    let hashes: Vec<_> = hashes.collect();
    assert!(matches!(hashes[0], DeclaredSecret::Hash(StoredSecret::Generated(_))));
    assert!(
        matches!(hashes[1], DeclaredSecret::Hash(StoredSecret::Chosen(text)) if **text == *PHC)
    );
    assert_eq!(settings.users[0].name.as_str(), "alice");
    let password = &settings.users[0].password;
    assert!(matches!(password, DeclaredPassword::Hash(hash) if *hash.0 == *PHC));
}

#[test]
fn tokens_may_be_bound_where_clients_are_asked_for_certificates() {
    let text = "[[client]]\nid = 'a'\nbound_to = 'certificate'\n[tls]\ncert = 'c'\nkey = 'k'\n\
                client_auth = 'optional'\nclient_ca = 'ca'\n";
    let settings = Fake::with_settings(text).settings();
    assert_eq!(settings.clients[0].patch.bound_to, Some(Some(BoundTo::Certificate)));
}
