//! Work on many items at once where there are threads, in turn where there are none.

use std::ops::Range;

/// Does `work` for each of `items` on up to `threads` threads; the results come in order.
///
/// Once a result is `last`, later items may be left out; all items before it are done.
pub(super) fn each<T: Send>(
    items: Range<u64>,
    threads: usize,
    work: impl Fn(u64) -> T + Sync,
    last: impl Fn(&T) -> bool + Sync,
) -> Vec<T> {
    #[cfg(all(feature = "parallel", not(target_family = "wasm")))]
    if threads > 1 && items.end - items.start > 1 {
        return threaded(&items, threads, &work, &last);
    }
    let _ = threads;
    let mut results = Vec::new();
    for item in items {
        results.push(work(item));
        if results.last().is_some_and(&last) {
            break;
        }
    }
    results
}

#[cfg(all(feature = "parallel", not(target_family = "wasm")))]
fn threaded<T: Send>(
    items: &Range<u64>,
    threads: usize,
    work: &(impl Fn(u64) -> T + Sync),
    last: &(impl Fn(&T) -> bool + Sync),
) -> Vec<T> {
    use std::{
        panic::resume_unwind,
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    let (next, stop) = (AtomicU64::new(items.start), AtomicU64::new(items.end));
    let worker = || {
        let mut results = Vec::new();
        loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= stop.load(Ordering::Relaxed) {
                return results;
            }
            let result = work(item);
            if last(&result) {
                stop.fetch_min(item, Ordering::Relaxed);
            }
            results.push((item, result));
        }
    };
    let mut results = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => resume_unwind(panic),
            }
        }
        results
    });
    results.sort_unstable_by_key(|(item, _)| *item);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How many threads are worth starting.
pub(super) fn cores() -> usize {
    #[cfg(all(feature = "parallel", not(target_family = "wasm")))]
    return std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[cfg(not(all(feature = "parallel", not(target_family = "wasm"))))]
    return 1;
}
