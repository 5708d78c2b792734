//! Reads nothing from a peer while too much is kept for all of them: what it sends meanwhile lies with
//! the kernel, which soon takes no more.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::pending::{Account, WAIT};

/// A stream that is read while there is room for what it brings.
pub(super) struct Admitted<T> {
    stream: T,
    account: Arc<Account>,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<T> Admitted<T> {
    pub(super) fn of(stream: T, account: &Arc<Account>) -> Self {
        Self { stream, account: Arc::clone(account), waits: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Admitted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.account.must_wait() {
            let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(WAIT)));
            ready!(waits.as_mut().poll(context));
            self.waits = None;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.account.has_begun();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Admitted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::Instant,
    };

    use super::{super::Pending, *};

    #[tokio::test(start_paused = true)]
    async fn who_has_not_begun_waits_until_there_is_room_and_who_has_little_does_not() {
        let pending = Pending::limited(1 << 20);
        let (early, late, floods) = (pending.open(), pending.open(), pending.open());
        let stream = |opened: &super::super::pending::Opened| {
            let (theirs, ours) = duplex(64);
            (theirs, Admitted::of(ours, opened.account()))
        };
        let ((mut its, mut early), (mut theirs, mut late)) = (stream(&early), stream(&late));
        its.write_all(b"ab").await.expect("sent");
        assert_eq!(early.read_u8().await.expect("read"), b'a');
        let flood = floods.account().call(400 << 10, false);
        assert_eq!(early.read_u8().await.expect("it has little"), b'b');
        theirs.write_all(b"c").await.expect("sent");
        let began = Instant::now();
        let release = tokio::spawn(async {
            sleep(Duration::from_millis(100)).await;
            drop(flood);
        });
        assert_eq!(late.read_u8().await.expect("there is room"), b'c');
        assert_eq!(began.elapsed(), WAIT);
        release.await.expect("it is over");
    }
}
