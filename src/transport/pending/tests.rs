//! Counting of memory, and the connections that are cut off.

use futures_util::FutureExt as _;

use super::{
    account::{BYTE, CALL, CONNECTION, STEP},
    *,
};

const KIB: usize = 1 << 10;
/// Half of it is 512 KiB.
const MOST: usize = 1 << 20;

fn is_cut(opened: &Opened) -> bool {
    opened.account().to_be_cut().now_or_never().is_some()
}

fn kept(pending: &Pending) -> usize {
    pending.kept.load(Ordering::Relaxed)
}

async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

/// Half a request of so many steps.
fn half(opened: &Opened, steps: usize) -> Kept {
    opened.account().call((steps * STEP - CALL) / BYTE, false)
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_counted_until_it_is_gone() {
    let pending = Pending::limited(MOST);
    let opened = pending.open();
    let call = opened.account().call(KIB, false);
    assert_eq!(kept(&pending), CONNECTION, "a step is free");
    call.grow(2 * STEP);
    assert_eq!(kept(&pending), CONNECTION + BYTE * 2 * STEP);
    let answer = opened.account().answer(2 * STEP);
    call.answered(0);
    assert_eq!(kept(&pending), CONNECTION + 2 * STEP);
    drop(opened);
    assert_eq!(pending.going.load(Ordering::Relaxed), CONNECTION + 2 * STEP);
    drop((answer, call));
    assert_eq!((kept(&pending), pending.going.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_counts_while_it_waits_for_its_peer_and_a_little_longer_if_there_is_room() {
    let pending = Pending::limited(MOST);
    let (one, other) = (pending.open(), pending.open());
    drop(one.account().call(KIB, false));
    assert_eq!(kept(&pending), CONNECTION, "the next call need not count it again");
    let call = other.account().call(KIB, true);
    assert_eq!(kept(&pending), CONNECTION, "its peer has sent all of it");
    let more = half(&other, 8);
    assert_eq!(kept(&pending), 2 * CONNECTION + 8 * STEP);
    drop(one.account().call(KIB, false));
    assert_eq!(kept(&pending), CONNECTION + 8 * STEP, "now it counts for no longer than it lasts");
    more.is_whole();
    assert_eq!(kept(&pending), 8 * STEP);
    drop((call, more));
    assert_eq!(kept(&pending), 0);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_whoever_lets_most_lie_for_longest_is_cut_off() {
    let pending = Pending::limited(MOST);
    let (first, second, third) = (pending.open(), pending.open(), pending.open());
    let _old = half(&first, 10);
    pass(Duration::from_millis(100)).await;
    let _newer = half(&second, 12);
    pass(Duration::from_millis(10)).await;
    assert!(!is_cut(&first) && !is_cut(&second));
    let _newest = half(&third, 12);
    assert!(is_cut(&first) && !is_cut(&second) && !is_cut(&third));
    // It is not gone yet: a connection with much waits, and so does one that would only now begin
    // to count.
    let (fourth, fifth) = (pending.open(), pending.open());
    assert!(third.account().must_wait() && fourth.account().must_wait());
    fifth.account().has_begun();
    assert!(!fifth.account().must_wait(), "it counts already, and has little");
}

#[tokio::test(start_paused = true)]
async fn beyond_half_of_it_only_what_has_lain_for_a_second_is() {
    let pending = Pending::limited(MOST);
    let (slow, quick) = (pending.open(), pending.open());
    let _lies = half(&slow, 8);
    pass(Duration::from_millis(900)).await;
    drop(half(&quick, 8));
    assert!(!is_cut(&slow));
    pass(Duration::from_millis(200)).await;
    drop(half(&quick, 8));
    assert!(is_cut(&slow) && !is_cut(&quick));
}

#[tokio::test(start_paused = true)]
async fn beyond_half_of_it_nobody_is_cut_off_for_what_the_server_is_slow_to_answer() {
    let pending = Pending::limited(MOST);
    let (waits, lets_lie, quick) = (pending.open(), pending.open(), pending.open());
    let questions: Vec<_> = (0..20).map(|_| waits.account().call(KIB, true)).collect();
    pass(Duration::from_secs(20)).await;
    let _half = half(&lets_lie, 2);
    pass(Duration::from_millis(1_500)).await;
    drop(half(&quick, 6));
    assert!(is_cut(&lets_lie) && !is_cut(&waits) && !is_cut(&quick));
    drop(questions);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_is_slow_to_answer_has_no_more_read_and_nobody_cut_off() {
    let pending = Pending::limited(MOST);
    let (busy, other) = (pending.open(), pending.open());
    let questions: Vec<_> = (0..50).map(|_| busy.account().call(KIB, true)).collect();
    pass(Duration::from_secs(20)).await;
    assert!(busy.account().must_wait() && other.account().must_wait());
    drop(other.account().call(KIB, true));
    assert!(!is_cut(&busy) && !is_cut(&other));
    drop(questions);
    assert!(!busy.account().must_wait() && !other.account().must_wait());
}

#[tokio::test(start_paused = true)]
async fn beyond_three_quarters_the_greatest_burden_of_all_goes_and_it_may_be_idle_streams() {
    let pending = Pending::limited(MOST);
    let (idle, waits) = (pending.open(), pending.open());
    let streams: Vec<_> = (0..50).map(|_| idle.account().call(0, true)).collect();
    for stream in &streams {
        stream.answered(0);
    }
    pass(Duration::from_secs(3_600)).await;
    let _few = half(&waits, 1);
    assert!(!is_cut(&idle), "streams go on while there is room");
    pass(Duration::from_millis(500)).await;
    let _more = half(&waits, 4);
    assert!(is_cut(&idle) && !is_cut(&waits));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_does_not_grow_older() {
    let pending = Pending::limited(MOST);
    let (follows, floods) = (pending.open(), pending.open());
    let streams: Vec<_> = (0..16).map(|_| follows.account().call(0, true)).collect();
    for stream in &streams {
        stream.answered(0);
    }
    pass(Duration::from_secs(3_600)).await;
    let _half = half(&floods, 16);
    pass(Duration::from_secs(2)).await;
    let _more = half(&floods, 8);
    assert!(is_cut(&floods) && !is_cut(&follows));
}

#[tokio::test(start_paused = true)]
async fn many_that_have_little_each_are_bounded_as_few_that_have_much_are() {
    let pending = Pending::limited(MOST);
    let mut open = Vec::new();
    for _ in 0..100 {
        let opened = pending.open();
        let kept = opened.account().call(1, false);
        open.push((opened, kept));
        pass(Duration::from_millis(100)).await;
        let staying = kept_and_staying(&pending);
        assert!(staying <= MOST, "{staying}");
    }
    let cut = open.iter().filter(|(opened, _)| is_cut(opened)).count();
    assert!((80..100).contains(&cut), "{cut}");
}

fn kept_and_staying(pending: &Pending) -> usize {
    kept(pending) - pending.going.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_small_calls_cuts_nobody_off() {
    let pending = Pending::limited(MOST);
    let open: Vec<_> = (0..100).map(|_| pending.open()).collect();
    let calls: Vec<_> = open.iter().map(|opened| opened.account().call(KIB, false)).collect();
    assert!(kept(&pending) > MOST);
    calls.iter().for_each(Kept::is_whole);
    drop(calls);
    assert!(!open.iter().any(is_cut));
}

#[tokio::test(start_paused = true)]
async fn who_has_little_is_cut_off_only_where_there_is_hardly_any_room_and_after_a_second() {
    let pending = Pending::limited(MOST);
    let (little, much) = (pending.open(), pending.open());
    let _late = little.account().answer(KIB);
    pass(Duration::from_millis(900)).await;
    let lies = half(&much, 19);
    pass(Duration::from_millis(50)).await;
    drop(pending.open().account().call(KIB, false));
    assert!(!is_cut(&little) && !is_cut(&much));
    pass(Duration::from_secs(1)).await;
    drop(pending.open().account().call(KIB, false));
    assert!(!is_cut(&little) && is_cut(&much), "it goes first");
    drop(lies);
}

#[tokio::test(start_paused = true)]
async fn only_answers_are_let_lie() {
    let pending = Pending::limited(MOST);
    let opened = pending.open();
    let _call = opened.account().call(KIB, true);
    pass(Duration::from_secs(10)).await;
    let answer = opened.account().answer(KIB);
    assert!(!opened.account().lets_lie(Duration::from_secs(5)));
    pass(Duration::from_secs(5)).await;
    assert!(opened.account().lets_lie(Duration::from_secs(5)));
    drop(answer);
    assert!(!opened.account().lets_lie(Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn the_quietest_was_called_on_the_longest_ago() {
    let pending = Pending::limited(MOST);
    let (first, second) = (pending.open(), pending.open());
    pass(Duration::from_secs(1)).await;
    drop(first.account().call(1, true));
    assert!(pending.cut_the_quietest());
    assert!(is_cut(&second) && !is_cut(&first));
    assert!(pending.cut_the_quietest() && is_cut(&first));
    assert!(!pending.cut_the_quietest());
}
