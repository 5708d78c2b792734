//! A stream that reports the bytes of each read, and can wait before a read: a peer is judged by
//! the time at which it speaks.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads once `wait` is ready, and calls `tell` with the number of bytes of each read that brought
/// some.
pub(super) struct Heard<T, F, W = fn(&mut Context<'_>) -> Poll<()>> {
    stream: T,
    tell: F,
    wait: W,
}

impl<T, F: FnMut(usize)> Heard<T, F> {
    pub(super) fn of(stream: T, tell: F) -> Self {
        Self { stream, tell, wait: |_| Poll::Ready(()) }
    }
}

impl<T, F: FnMut(usize), W: FnMut(&mut Context<'_>) -> Poll<()>> Heard<T, F, W> {
    pub(super) const fn after(wait: W, stream: T, tell: F) -> Self {
        Self { stream, tell, wait }
    }
}

impl<T, F, W> AsyncRead for Heard<T, F, W>
where
    T: AsyncRead + Unpin,
    F: FnMut(usize) + Unpin,
    W: FnMut(&mut Context<'_>) -> Poll<()> + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!((self.wait)(context));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().len() - before;
        if came > 0 {
            (self.tell)(came);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin, F: Unpin, W: Unpin> AsyncWrite for Heard<T, F, W> {
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
