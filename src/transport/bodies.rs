//! Bodies that are counted for as long as they lie in memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;

use super::{
    Peer,
    pending::{Account, Kept},
};

/// The body of a request as it comes. Its bytes count from reading until the request is answered.
#[derive(Debug)]
pub struct Received {
    body: Incoming,
    kept: Arc<Kept>,
    peer: Arc<Peer>,
    /// Bytes of it that still count: a stream is read and let go message by message.
    room: usize,
}

/// Most of one body that counts: no message and no body may be longer.
const MOST_COUNTED: usize = 16 << 20;

impl Received {
    /// The request with the other side of its connection among its extensions.
    pub fn introduced(mut request: Request<Self>) -> Request<Self> {
        let peer = Peer::clone(&request.body().peer);
        request.extensions_mut().insert(peer);
        request
    }

    /// The request of `peer`, counted by what is handed back too.
    pub(super) fn counted(
        request: Request<Incoming>,
        account: &Arc<Account>,
        peer: &Arc<Peer>,
    ) -> (Request<Self>, Arc<Kept>) {
        let is_whole = request.body().is_end_stream();
        let kept = Arc::new(account.call(length(request.headers()), is_whole));
        let received = |body| {
            let (kept, peer) = (Arc::clone(&kept), Arc::clone(peer));
            Self { body, kept, peer, room: MOST_COUNTED }
        };
        let request = request.map(received);
        (request, kept)
    }
}

/// The bytes of all names and values.
fn length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let counts = data.len().min(self.room);
            self.room -= counts;
            self.kept.grow(counts);
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.kept.is_whole();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that an answer keeps in memory beside the parts already taken from it: an extension of the
/// response whose stream makes parts ahead of its peer.
#[derive(Clone, Copy, Debug)]
pub struct Made(pub usize);

pin_project! {
    /// The body of an answer, each part of which counts until the last copy of it is dropped: that is
    /// when it was written to the peer, or never will be.
    pub(super) struct Sent<B> {
        #[pin]
        body: B,
        // `None` if the body is over before it begins.
        call: Option<Arc<Kept>>,
    }
}

impl<B: Body> Sent<B> {
    /// The answer to a call, whose body counts until it is over.
    pub(super) fn counted(answer: Response<B>, call: Arc<Kept>) -> Response<Self> {
        let call = (!answer.body().is_end_stream()).then(|| {
            let made = answer.extensions().get().map_or(0, |Made(bytes)| *bytes);
            call.answered(made);
            call
        });
        answer.map(|body| Self { body, call })
    }
}

impl<B: Body<Data = Bytes>> Body for Sent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let call = this.call;
        let counted = |bytes: Bytes| match call {
            Some(call) if !bytes.is_empty() => {
                let kept = call.account.answer(bytes.len());
                Bytes::from_owner(Part { bytes, _kept: kept })
            }
            Some(_) | None => bytes,
        };
        let frame = ready!(this.body.poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that count until they are dropped.
struct Part {
    bytes: Bytes,
    _kept: Kept,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
