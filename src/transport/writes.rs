//! Measures the time for which a peer has taken nothing of what is written to it: hyper waits for
//! ever.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// Since when nothing can be written; `None` while it can.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<Option<Instant>>);

impl Writes {
    /// Returns whether something has waited for at least `patience` to be taken.
    pub(super) fn stuck(&self, patience: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= patience)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// A stream whose writes are watched.
pub(super) struct Watched<T> {
    stream: T,
    writes: Arc<Writes>,
    waits: bool,
}

impl<T> Watched<T> {
    /// The stream, and what is known of its writes.
    pub(super) fn of(stream: T) -> (Self, Arc<Writes>) {
        let writes = Arc::new(Writes::default());
        (Self { stream, writes: Arc::clone(&writes), waits: false }, writes)
    }

    /// Takes note of what became of a write, and hands it on.
    fn note<R>(&mut self, written: Poll<R>) -> Poll<R> {
        if written.is_pending() != self.waits {
            self.waits = written.is_pending();
            self.writes.set(self.waits.then(Instant::now));
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.note(shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_told_of_until_it_does() {
        let (ours, mut theirs) = duplex(8);
        let (mut stream, writes) = Watched::of(ours);
        let patience = Duration::from_secs(5);
        let writing = tokio::spawn(async move {
            stream.write_all(&[7; 16]).await.expect("it is taken in the end");
            stream
        });
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(!writes.stuck(patience));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(writes.stuck(patience));
        theirs.read_exact(&mut [0; 16]).await.expect("it is there");
        let _stream = writing.await.expect("written");
        assert!(!writes.stuck(patience));
    }
}
