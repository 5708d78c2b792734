//! HTTP/1.1 as RFC 9112 has it, over bare sockets: what is refused, who still hears an answer, and how long a
//! connection is kept.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::common::{server::Server, settings::Settings, wait::within};

/// A request for a token that is refused, since the client is nobody.
fn request(headers: &str, body: &str) -> String {
    format!(
        "POST /oauth/token HTTP/1.1\r\n{headers}\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
    )
}

/// All that is said until the connection is closed.
async fn hear(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    within("to be closed", stream.read_to_string(&mut answer)).await.expect("an answer");
    answer
}

/// Sends a request, and returns the answer once the connection is closed.
async fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    hear(&mut stream).await
}

/// Reads one answer that has a length.
async fn one_answer(stream: &mut TcpStream) -> String {
    let reading = async {
        let mut answer = String::new();
        loop {
            let byte = stream.read_u8().await.expect("an answer");
            answer.push(char::from(byte));
            let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()) == Some(body.len()) {
                return answer;
            }
        }
    };
    within("an answer", reading).await
}

#[tokio::test]
async fn requests_that_http_1_1_does_not_allow_are_refused_and_their_connections_closed() {
    let server = Server::start(&Settings::standard()).await;
    let (http, ops) = (server.http_address(), server.ops().await.address);
    let length = "content-length: 0\r\n";
    let chunks = "0\r\n\r\n";
    for (headers, body, expected) in [
        (length.to_owned(), "", 400),
        (format!("host: a\r\nhost: b\r\n{length}"), "", 400),
        (format!("host: a@b\r\n{length}"), "", 400),
        ("host: a\r\ntransfer-encoding: gzip, chunked\r\n".to_owned(), chunks, 501),
        (
            "host: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n".into(),
            chunks,
            501,
        ),
    ] {
        for address in [&http, &ops] {
            let answer = ask(address, &request(&headers, body)).await;
            let status = format!("HTTP/1.1 {expected} ");
            assert!(answer.starts_with(&status), "{headers} at {address}: {answer}");
            assert!(answer.contains("connection: close"), "{headers} at {address}: {answer}");
        }
    }
    for (headers, body) in [
        ("host: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n", chunks),
        ("host:\r\ncontent-length: 0\r\nconnection: close\r\n", ""),
    ] {
        let answer = ask(&http, &request(headers, body)).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("grant_type"), "{answer}");
        let answer = ask(&ops, &request(headers, body)).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    // By the transfer coding alone, and nothing more is read there (RFC 9112 §6.3).
    let both = "host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n";
    let reversed = "host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n";
    let behind = format!("{chunks}GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
    for headers in [both, reversed] {
        for address in [&http, &ops] {
            let answer = ask(address, &request(headers, &behind)).await;
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers} at {address}: {answer}");
            let connection = answer.lines().find_map(|line| line.strip_prefix("connection: "));
            let closes = connection.is_some_and(|options| options.ends_with("close"));
            assert!(closes, "{headers} at {address}: {answer}");
        }
    }
    let old = ask(&ops, "GET /livez HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "HTTP/1.0 knows no Host: {old}");
    server.stop().await;
}

/// RFC 9112 §9.6: a client may close its side when it has sent all that it has to say.
#[tokio::test]
async fn a_half_closed_connection_gets_its_answer() {
    let server = Server::start(&Settings::standard()).await;
    let (http, ops) = (server.http_address(), server.ops().await.address);
    let body = "grant_type=password&client_id=app&username=alice&password=alice-password";
    let length = body.len();
    let login = request(&format!("host: a\r\ncontent-length: {length}\r\n"), body);
    for (address, request) in [(&http, &*login), (&ops, "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")] {
        for _ in 0..30 {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(request.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("half-closed");
            let answer = hear(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_as_long_as_its_answers_say_and_not_for_ever() {
    let settings = Settings::standard().set("limits", "http_keepalive", "3s");
    let settings = settings.set("limits", "header_timeout", "1s");
    let server = Server::start(&settings).await;
    let mut stream = TcpStream::connect(server.http_address()).await.expect("a connection");
    for _ in 0..2 {
        let asked = request("host: a\r\ncontent-length: 0\r\n", "");
        stream.write_all(asked.as_bytes()).await.expect("sent");
        let answer = one_answer(&mut stream).await;
        assert!(answer.contains("connection: keep-alive\r\nkeep-alive: timeout=3\r\n"), "{answer}");
    }
    let answered = Instant::now();
    assert_eq!(hear(&mut stream).await, "");
    let kept = answered.elapsed();
    assert!(kept >= Duration::from_secs(3), "{kept:?}");

    let asked = request("host: a\r\ncontent-length: 0\r\nconnection: close\r\n", "");
    let answer = ask(&server.http_address(), &asked).await;
    assert!(answer.contains("connection: close") && !answer.contains("keep-alive"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn by_default_a_connection_is_kept_for_two_minutes() {
    let server = Server::start(&Settings::standard()).await;
    let mut stream = TcpStream::connect(server.http_address()).await.expect("a connection");
    let asked = request("host: a\r\ncontent-length: 0\r\n", "");
    stream.write_all(asked.as_bytes()).await.expect("sent");
    let answer = one_answer(&mut stream).await;
    assert!(answer.contains("keep-alive: timeout=120\r\n"), "{answer}");
    server.stop().await;
}
