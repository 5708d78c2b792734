//! A server on sockets of the file system, and the commands that reach it there.

use std::os::unix::fs::PermissionsExt as _;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use crate::{
    common::{
        home::Home,
        server::Server,
        settings::{Settings, Table},
        wait::within,
    },
    jeton::Jeton,
};

#[tokio::test]
async fn a_server_listens_on_sockets_alone_and_every_command_reaches_it() {
    let root = Table::client("root").text("secret", "root-secret");
    let settings = Settings::standard().and(root.toml("permissions", r#"["admin"]"#));
    let settings = settings.set("grpc", "socket_mode", "0660");
    let variables = [
        ("JETON_GRPC_LISTEN", "unix:grpc.sock"),
        ("JETON_HTTP_LISTEN", "unix:http.sock"),
        ("JETON_OPS_LISTEN", "unix:ops.sock"),
    ];
    let server = Server::start_with(Home::new(), &settings, &variables).await;
    let place = |name: &str| server.home().path().join(name);
    for (name, expected) in [("grpc.sock", 0o660), ("http.sock", 0o600), ("ops.sock", 0o600)] {
        let mode = place(name).metadata().expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, expected, "{name}");
    }
    let url = format!("unix:{}", place("grpc.sock").display());
    let jeton = |arguments: &str| {
        let jeton = Jeton::new(arguments).with("JETON_SERVER", &*url);
        jeton.with("JETON_CLIENT_ID", "root").with("JETON_CLIENT_SECRET", "root-secret")
    };
    assert_eq!(jeton("status").json()["version"], env!("CARGO_PKG_VERSION"));
    jeton("health").run().succeeded();
    let clients = jeton("client list").json();
    assert!(clients.as_array().is_some_and(|clients| clients.len() > 1), "{clients}");
    let health = Jeton::new("health --server").and(&url);
    health.run().succeeded();

    for (name, path, expected) in [
        ("ops.sock", "/livez", "HTTP/1.1 200"),
        ("http.sock", "/.well-known/oauth-authorization-server", "HTTP/1.1 200"),
    ] {
        let mut stream = UnixStream::connect(place(name)).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        within("to answer", stream.read_to_string(&mut answer)).await.expect("an answer");
        assert!(answer.starts_with(expected), "{answer}");
    }

    // Probes are answered until the process is gone: that socket is left for the next one to replace.
    let sockets = ["grpc.sock", "http.sock"].map(place);
    server.terminate();
    let (_home, _) = server.ended().await;
    assert!(!sockets.iter().any(|socket| socket.exists()));
    jeton("health").run().failed(1, &[&url]);
}

#[test]
fn a_socket_that_is_not_there_is_named_with_the_cause() {
    let absent = Jeton::new("health --server unix:/nowhere/jeton.sock").run();
    absent.failed(1, &["unix:/nowhere/jeton.sock", "No such file"]);
    Jeton::new("health --server unix:").run().failed(2, &["unix: and a path"]);
}
