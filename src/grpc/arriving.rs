//! A request's body that breaks off when its call is to be over: a handler that reads a stream would
//! wait for the next message for ever.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::status::exceeded;

type Error = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// The body, and when it breaks off, if it does.
    pub(super) struct Arriving<B> {
        #[pin]
        body: B,
        end: Option<Pin<Box<Sleep>>>,
    }
}

impl<B> Arriving<B> {
    /// The body until then; `None` is for a call whose handler is bounded itself.
    pub(super) fn until(end: Option<Instant>, body: B) -> Self {
        Self { body, end: end.map(|end| Box::pin(sleep_until(end))) }
    }
}

impl<B> Body for Arriving<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.project();
        // The end first: a peer that always has more to say would never come to it.
        if let Some(end) = this.end
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(exceeded().into())));
        }
        this.body.poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, time::Duration};

    use tonic::{Code, Status};

    use super::*;

    /// A peer that never says anything.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_breaks_off_when_its_call_is_to_be_over() {
        let began = Instant::now();
        let end = began + Duration::from_secs(30);
        let mut body = pin!(Arriving::until(Some(end), Silent));
        let broken = poll_fn(|context| body.as_mut().poll_frame(context)).await;
        assert_eq!(began.elapsed().as_secs(), 30);
        let error = broken.expect("not its end").expect_err("an error");
        let status = error.downcast_ref::<Status>().map(Status::code);
        assert_eq!(status, Some(Code::DeadlineExceeded));
    }
}
