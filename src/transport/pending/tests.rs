//! What is counted, and who is cut off.

use futures_util::FutureExt as _;

use super::*;

const KIB: usize = 1 << 10;

fn is_cut(opened: &Opened) -> bool {
    opened.account().to_be_cut().now_or_never().is_some()
}

fn kept(pending: &Pending) -> usize {
    pending.kept.load(Ordering::Relaxed) / KIB
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_counted_until_it_is_gone() {
    let pending = Pending::limited(1 << 20);
    let opened = pending.open();
    let call = opened.account().call(6 * KIB);
    assert_eq!(kept(&pending), 0, "a step is free");
    call.grow(20 * KIB);
    assert_eq!(kept(&pending), 32);
    let answer = opened.account().answer(100 * KIB);
    assert_eq!(kept(&pending), 128);
    call.answered();
    assert_eq!(kept(&pending), 96);
    drop(opened);
    assert_eq!((kept(&pending), pending.going.load(Ordering::Relaxed) / KIB), (96, 96));
    drop((answer, call));
    assert_eq!((kept(&pending), pending.going.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_whoever_lets_most_lie_for_longest_is_cut_off() {
    let pending = Pending::limited(128 * KIB);
    let (first, second, third) = (pending.open(), pending.open(), pending.open());
    let _old = first.account().answer(48 * KIB);
    tokio::time::advance(Duration::from_millis(100)).await;
    let _newer = second.account().answer(64 * KIB);
    tokio::time::advance(Duration::from_millis(10)).await;
    assert!(!is_cut(&first) && !is_cut(&second));
    let _newest = third.account().answer(64 * KIB);
    assert!(is_cut(&first) && !is_cut(&second) && !is_cut(&third));
    // It is not gone yet: whoever has more than a step waits, and nobody else is cut off.
    assert!(third.account().must_wait() && !pending.open().account().must_wait());
}

#[tokio::test(start_paused = true)]
async fn beyond_half_of_it_only_what_has_lain_for_a_second_is() {
    let pending = Pending::limited(128 * KIB);
    let (slow, quick) = (pending.open(), pending.open());
    let _lies = slow.account().answer(48 * KIB);
    tokio::time::advance(Duration::from_millis(900)).await;
    drop(quick.account().answer(48 * KIB));
    assert!(!is_cut(&slow));
    tokio::time::advance(Duration::from_millis(200)).await;
    drop(quick.account().answer(48 * KIB));
    assert!(is_cut(&slow) && !is_cut(&quick));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_does_not_grow_older() {
    let pending = Pending::limited(128 * KIB);
    let (follows, floods) = (pending.open(), pending.open());
    let streams: Vec<_> = (0..4).map(|_| follows.account().call(0)).collect();
    streams.iter().for_each(Kept::answered);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let _half = floods.account().call(80 * KIB);
    tokio::time::advance(Duration::from_secs(2)).await;
    let _more = floods.account().call(32 * KIB);
    assert!(is_cut(&floods) && !is_cut(&follows));
}

#[tokio::test(start_paused = true)]
async fn only_answers_are_let_lie() {
    let pending = Pending::limited(128 * KIB);
    let opened = pending.open();
    let _call = opened.account().call(KIB);
    tokio::time::advance(Duration::from_secs(10)).await;
    let answer = opened.account().answer(KIB);
    assert!(!opened.account().lets_lie(Duration::from_secs(5)));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(opened.account().lets_lie(Duration::from_secs(5)));
    drop(answer);
    assert!(!opened.account().lets_lie(Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn the_quietest_was_called_on_the_longest_ago() {
    let pending = Pending::limited(128 * KIB);
    let (first, second) = (pending.open(), pending.open());
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(first.account().call(1));
    assert!(pending.cut_the_quietest());
    assert!(is_cut(&second) && !is_cut(&first));
    assert!(pending.cut_the_quietest() && is_cut(&first));
    assert!(!pending.cut_the_quietest());
}
