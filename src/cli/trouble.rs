//! Advice for a command whose address is not that of a gRPC server.

use std::{error::Error, io, time::Duration};

use rustls::{AlertDescription, CertificateError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longest time for a look at the peer.
const LOOK: Duration = Duration::from_secs(2);
/// First bytes of every answer over HTTP/1, and of a TLS alert.
const HTTP: &[u8] = b"HTTP/1.";
const ALERT: [u8; 2] = [21, 3];
/// Answer of jeton's own probe.
const ALIVE: &[u8] = b"alive";

/// Returns advice for a connection that was not made, if its causes have some. `url` is the one
/// that was given.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named here has no advice of its own"
)]
pub(super) fn of_connecting(url: &str, error: &(dyn Error + 'static)) -> Option<String> {
    if url.starts_with("unix:") {
        return None;
    }
    let rest = url.split_once("://").map(|(_, rest)| rest);
    let Some(rest) = rest else {
        return Some(format!("Write http://{url}, or https://{url} if the server has TLS."));
    };
    Some(match tls(error)? {
        rustls::Error::InvalidMessage(_) => {
            format!("What answers there speaks no TLS: http://{rest} if that is what you want.")
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => ELSEWHERE.to_owned(),
        rustls::Error::AlertReceived(alert) if is_about_ours(*alert) => {
            "The server does not take the certificate that it was shown, or wants one: --cert and --key."
                .to_owned()
        }
        rustls::Error::InvalidCertificate(invalid) => certificate(invalid).to_owned(),
        _ => return None,
    })
}

const ELSEWHERE: &str = "That is not the gRPC listener, which is grpc.listen in the server's settings, \
                         port 50051 unless they say else.";

fn is_about_ours(alert: AlertDescription) -> bool {
    [
        AlertDescription::CertificateRequired,
        AlertDescription::BadCertificate,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
    ]
    .contains(&alert)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named here has no advice of its own"
)]
fn certificate(invalid: &CertificateError) -> &'static str {
    match invalid {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "The server's certificate has expired: its operator must renew it (tls.cert)."
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "The server's certificate is not valid yet: is this machine's clock right?"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "The server's certificate is for another name: use one that it holds in --server."
        }
        _ => {
            "Nobody who is trusted here has issued the server's certificate: name its CA with --ca or \
             JETON_CA."
        }
    }
}

/// The error of TLS among the causes.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(found) = error.downcast_ref::<rustls::Error>().or(inner) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Looks at what answers at an http:// URL that gave no answer in gRPC, and says what it is.
pub(super) async fn of_calling(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let address = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(80));
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let said = timeout(LOOK, answer(&address)).await.ok()?.ok()?;
    if said.starts_with(&ALERT) {
        return Some(format!("What answers there speaks TLS: https://{address}, with --ca."));
    }
    if !said.starts_with(HTTP) {
        return None;
    }
    let ops = said.windows(ALIVE.len()).any(|window| window == ALIVE);
    let what = if ops { "probes and metrics (ops.listen)" } else { "HTTP" };
    Some(format!("The listener there is for {what}. {ELSEWHERE}"))
}

async fn answer(address: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut said = Vec::new();
    let mut bounded = stream.take(4096);
    // Bytes that came before the connection was cut are an answer too.
    drop(bounded.read_to_end(&mut said).await);
    Ok(said)
}
