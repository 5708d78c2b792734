//! Bodies that are counted for as long as they lie in memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Request};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::pending::{Account, Kept};

/// The body of a request as it comes. What was read of it counts until the request is answered.
#[derive(Debug)]
pub struct Received {
    body: Incoming,
    account: Arc<Account>,
    kept: Arc<Kept>,
    /// How much more of it counts: a stream is read and let go message by message.
    room: usize,
    waits: Option<Pin<Box<Sleep>>>,
}

/// How long to wait until it is looked again whether there is room to read more. Thousands of calls may
/// wait at a time.
const WAIT: Duration = Duration::from_millis(250);

/// Most of one body that counts: no message and no body may be longer.
const MOST_COUNTED: usize = 16 << 20;

impl Received {
    /// The request, counted by what is handed back too.
    pub(super) fn counted(
        request: Request<Incoming>,
        account: &Arc<Account>,
    ) -> (Request<Self>, Arc<Kept>) {
        let kept = Arc::new(account.call(length(request.headers())));
        let received = |body| Self {
            body,
            account: Arc::clone(account),
            kept: Arc::clone(&kept),
            room: MOST_COUNTED,
            waits: None,
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
        // What is not read lies in a window of HTTP/2 or in the kernel, and the peer sends no more.
        while self.account.must_wait() {
            let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(WAIT)));
            ready!(waits.as_mut().poll(context));
            self.waits = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let counts = data.len().min(self.room);
            self.room -= counts;
            self.kept.grow(counts);
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

pin_project! {
    /// The body of an answer, each part of which counts until the last copy of it is dropped: that is
    /// when it was written to the peer, or never will be.
    pub(super) struct Sent<B> {
        #[pin]
        body: B,
        account: Arc<Account>,
        call: Arc<Kept>,
    }
}

impl<B> Sent<B> {
    /// The body of the answer to a call, which counts until it is over.
    pub(super) fn counted(body: B, account: Arc<Account>, call: Arc<Kept>) -> Self {
        call.answered();
        Self { body, account, call }
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
        let account = this.account;
        let counted = |bytes: Bytes| {
            if bytes.is_empty() {
                return bytes;
            }
            let kept = account.answer(bytes.len());
            Bytes::from_owner(Part { bytes, _kept: kept })
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
