//! Ends calls that take too long with `DEADLINE_EXCEEDED`: tonic would say `CANCELLED`, and let streams
//! run on.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use prost_types::MethodDescriptorProto;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, body::Body};

use super::{arriving::Arriving, services::methods, status::exceeded};

/// Header with the caller's deadline.
const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");
/// Path prefix of the administrators' methods.
const ADMIN: &str = "/jeton.v1.AdminService/";

/// Streaming side of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Streams {
    /// Neither request nor answer.
    Nothing,
    /// The answer.
    Answer,
    /// The request, for any kind of answer.
    Request,
}

impl Streams {
    fn of(method: &MethodDescriptorProto) -> Self {
        match (method.client_streaming(), method.server_streaming()) {
            (true, _) => Self::Request,
            (false, true) => Self::Answer,
            (false, false) => Self::Nothing,
        }
    }
}

/// Time limits of calls. Clones share the names of methods.
#[derive(Clone)]
pub(super) struct Deadlines {
    usual: Duration,
    admin: Duration,
    /// The few methods with a stream: a path is compared with those of its length.
    streams: Arc<[(String, Streams)]>,
}

impl Deadlines {
    /// Calls may take as long as their caller says, and at most this long, until they are answered
    /// or their stream begins. A stream then goes on until its caller's deadline; one whose caller
    /// sends a stream as well is over when any other call would have to be answered.
    pub(super) fn new(usual: Duration, admin: Duration) -> Self {
        let methods = methods(Streams::of).into_iter();
        let streams = methods.filter(|(_, streams)| *streams != Streams::Nothing).collect();
        Self { usual, admin, streams }
    }

    pub(super) fn of<A>(&self, request: &Request<A>) -> Deadline {
        let path = request.uri().path();
        let most = if path.starts_with(ADMIN) { self.admin } else { self.usual };
        let asked = asked(request.headers());
        let answer = asked.map_or(most, |asked| asked.min(most));
        let streams = self.streams.iter().find(|(known, _)| known == path);
        let (request, stream) = match streams.map(|(_, streams)| streams) {
            Some(Streams::Request) => {
                let end = Instant::now() + answer;
                (Some(end), Some(end))
            }
            Some(Streams::Answer) => (None, asked.map(|asked| Instant::now() + asked)),
            Some(Streams::Nothing) | None => (None, None),
        };
        Deadline { answer, request, stream }
    }
}

/// When a call is to be over.
pub(super) struct Deadline {
    /// From now on: most calls need no clock for it.
    pub(super) answer: Duration,
    /// For the stream that is its request.
    request: Option<Instant>,
    /// For the stream that is its answer.
    stream: Option<Instant>,
}

impl Deadline {
    /// The request, whose stream breaks off in time.
    pub(super) fn bound_request<A>(&self, request: Request<A>) -> Request<Arriving<A>> {
        request.map(|body| Arriving::until(self.request, body))
    }

    /// Returns whether the call's request is a stream.
    pub(super) const fn asks_by_stream(&self) -> bool {
        self.request.is_some()
    }

    /// The answer, whose stream ends in time.
    pub(super) fn bound(&self, answer: Response<Body>) -> Response<Body> {
        match self.stream {
            Some(end) => answer.map(|body| Body::new(Ending::at(end, body))),
            None => answer,
        }
    }
}

/// Returns how long the caller waits: at most eight digits and a unit. Any other text is no
/// deadline.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = number.len() <= 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = plain.then(|| number.parse().ok())??;
    match unit {
        "H" => Some(Duration::from_secs(number * 60 * 60)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// A stream that ends, with an error, when its caller's deadline comes.
struct Ending {
    body: Body,
    end: Pin<Box<Sleep>>,
    ended: bool,
}

impl Ending {
    fn at(end: Instant, body: Body) -> Self {
        Self { body, end: Box::pin(sleep_until(end)), ended: false }
    }
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // The deadline first: a stream that always has more to say would never come to it.
        if self.end.as_mut().poll(context).is_pending() {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        self.ended = true;
        let mut trailers = HeaderMap::new();
        let written = exceeded().add_header(&mut trailers);
        Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, text.parse().expect("a header"));
        asked(&headers)
    }

    #[test]
    fn a_callers_deadline_is_read_as_grpc_writes_it() {
        for (text, read) in [
            ("1H", Duration::from_secs(3_600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            assert_eq!(timeout(text), Some(read), "{text}");
        }
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "+1S", "1 S", "é", "1é"] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, http::HeaderValue::from_bytes(text.as_bytes()).expect("bytes"));
            assert_eq!(asked(&headers), None, "{text}");
        }
    }
}
