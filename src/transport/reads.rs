//! Reads nothing from a peer while too much is kept for all of them: what it sends meanwhile lies with
//! the kernel, which soon takes no more.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::sleep;

use super::{
    heard::Heard,
    pending::{Account, WAIT},
};

/// A stream that is read while there is room for what it brings.
pub(super) fn admitted<T>(
    stream: T,
    account: &Arc<Account>,
) -> Heard<
    T,
    impl FnMut(usize) + Unpin + use<T>,
    impl FnMut(&mut Context<'_>) -> Poll<()> + Unpin + use<T>,
> {
    let (waiting, begun) = (Arc::clone(account), Arc::clone(account));
    let mut pause = None;
    let wait = move |context: &mut Context<'_>| {
        while waiting.must_wait() {
            let pause_now = pause.get_or_insert_with(|| Box::pin(sleep(WAIT)));
            ready!(pause_now.as_mut().poll(context));
            pause = None;
        }
        Poll::Ready(())
    };
    Heard::after(wait, stream, move |_| begun.has_begun())
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
            (theirs, admitted(ours, opened.account()))
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
