//! Two things at a time, where there is enough to do: each is a function of what it is given, so the order makes no
//! difference.

use std::{
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread::{Builder, ScopedJoinHandle, scope},
};

/// Objects from which on a thread costs less than it saves.
const WORTHWHILE: usize = 1000;

/// What both come to. With that many `objects` the second one is worked on by another thread, if there can be one.
pub(super) fn both<A, B: Send>(
    objects: usize,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    if objects < WORTHWHILE {
        return (first(), second());
    }
    // whoever comes first takes it: the thread, or this one if it could not be started
    let open = Mutex::new(Some(second));
    let take = || {
        open.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .map(|work| work())
    };
    scope(|threads| {
        let thread = Builder::new().spawn_scoped(threads, take);
        let first = first();
        let second = match thread.map(ScopedJoinHandle::join) {
            Ok(Ok(second)) => second,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => take(),
        };
        match second {
            Some(second) => (first, second),
            None => unreachable!("nobody else takes it"),
        }
    })
}

/// Frees what nobody waits for: with that many `objects` by a thread of its own, if there can be one.
pub(super) fn discard<T: Send + 'static>(objects: usize, value: T) {
    if objects >= WORTHWHILE {
        // where there is no thread, it is freed here and now
        let _ = Builder::new().spawn(move || drop(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_with_threads_and_without() {
        for objects in [0, WORTHWHILE] {
            let (text, number) = both(objects, || "a".to_owned(), || 1);
            assert_eq!((text.as_str(), number), ("a", 1));
        }
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_panic_is_passed_on() {
        both(WORTHWHILE, || (), || panic!("broken"));
    }
}
