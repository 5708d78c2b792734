//! Calls as bare HTTP/2 requests: no stub of ours corrects a path or adds a header.

use h2::client::SendRequest;
use http::{HeaderMap, Request, Response, request::Builder, uri};
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::common::{server::Server, wait::within};

/// End of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    /// With success, or with a stream that has begun.
    Done,
    /// With an error.
    Refused { code: Code, reason: String, text: String },
    /// The server would not have it at all.
    Reset,
}

impl Answer {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let status = Status::from_header_map(headers)?;
        if status.code() == Code::Ok {
            return Some(Self::Done);
        }
        let info = status.get_details_error_info();
        let reason = info.map(|info| info.reason).unwrap_or_default();
        Some(Self::Refused { code: status.code(), reason, text: status.message().to_owned() })
    }
}

/// A connection.
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    authority: String,
}

impl Connection {
    pub(crate) async fn open(server: &Server) -> Self {
        Self::open_at(server.address().to_owned()).await
    }

    /// One to a listener.
    pub(crate) async fn open_at(authority: String) -> Self {
        let stream = within("to connect", TcpStream::connect(&authority)).await;
        let shaken = h2::client::handshake(stream.expect("a connection")).await;
        let (sender, connection) = shaken.expect("a handshake");
        tokio::spawn(async move { drop(connection.await) });
        Self { sender, authority }
    }

    /// Sends a message in a request as `with` makes it of one to `path`, and hands out how it began to be
    /// answered.
    pub(crate) async fn send(
        &self,
        path: &str,
        message: &[u8],
        with: impl FnOnce(Builder) -> Builder,
    ) -> Response<()> {
        let request = with(Request::builder().uri(self.uri(path)).header("te", "trailers"));
        let request = request.body(()).expect("a request");
        let framed =
            [&[0], &u32::try_from(message.len()).expect("short").to_be_bytes()[..], message];
        let exchange = async {
            let mut sender = self.sender.clone().ready().await.expect("a connection");
            let (response, mut body) = sender.send_request(request, false).expect("sent");
            // It may be refused before all of it is there.
            drop(body.send_data(framed.concat().into(), true));
            response.await.expect("an answer").map(drop)
        };
        within("an answer", exchange).await
    }

    /// Sends an empty message to `path` as it is written. An answer that is a stream is not read.
    pub(crate) async fn call(&self, path: &str, authorization: &[String], stream: bool) -> Answer {
        let exchange = self.exchange(path, authorization, stream);
        within("an answer", exchange).await.unwrap_or(Answer::Reset)
    }

    async fn exchange(
        &self,
        path: &str,
        authorization: &[String],
        stream: bool,
    ) -> Result<Answer, h2::Error> {
        let mut request = Request::post(self.uri(path))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for header in authorization {
            request = request.header("authorization", header);
        }
        let request = request.body(()).expect("a request");
        let mut sender = self.sender.clone().ready().await?;
        let (response, mut body) = sender.send_request(request, false)?;
        // No compression, no bytes.
        body.send_data(Bytes::from_static(&[0; 5]), true)?;
        let response = response.await?;
        if let Some(answer) = Answer::of(response.headers()) {
            return Ok(answer);
        }
        assert_eq!(response.status(), 200, "{path}");
        if stream {
            return Ok(Answer::Done);
        }
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        let trailers = body.trailers().await?.expect("trailers");
        Ok(Answer::of(&trailers).expect("a status"))
    }

    fn uri(&self, path: &str) -> http::Uri {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = Some(self.authority.parse().expect("an authority"));
        parts.path_and_query = Some(path.parse().unwrap_or_else(|_| panic!("{path}")));
        http::Uri::from_parts(parts).unwrap_or_else(|_| panic!("{path}"))
    }
}
