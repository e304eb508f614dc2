//! A worker's lines on their way to the log's thread.

use std::{
    cell::{Cell, RefCell},
    mem,
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use super::{Entry, Format, Options, Outcome, common, json};
use crate::metrics::Counter;

/// Bytes of lines that wait on each side; a line more may come.
const MOST: usize = 1 << 20;

/// Lines of one worker that wait for the log's thread.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<String>);

impl Lines {
    /// Takes them all, and leaves an empty buffer.
    pub(super) fn take(&self, empty: String) -> String {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), empty)
    }
}

/// A worker's end.
#[derive(Debug)]
pub(crate) struct Writer {
    format: Format,
    drop_query: bool,
    /// Lines that were not handed over yet.
    own: RefCell<String>,
    lines: Arc<Lines>,
    /// Requests so far. Each worker has numbers of its own.
    count: Cell<u64>,
    workers: u64,
}

impl Writer {
    /// For one of so many workers, by its place.
    pub(crate) fn new(options: &Options, lines: Arc<Lines>, worker: usize, workers: usize) -> Self {
        Self {
            format: options.format,
            drop_query: options.drop_query,
            own: RefCell::default(),
            lines,
            count: Cell::new(worker as u64 + 1),
            workers: workers as u64,
        }
    }

    /// The number of a request that has just come, and whether its query is left out.
    pub(crate) fn next(&self) -> (u64, bool) {
        let count = self.count.get();
        self.count.set(count + self.workers);
        (count, self.drop_query)
    }

    /// Writes a request's line, or counts it as dropped.
    pub(crate) fn write(&self, entry: &Entry, outcome: &Outcome<'_>, dropped: &Counter) {
        let mut own = self.own.borrow_mut();
        if own.len() >= MOST {
            self.hand_over(&mut own);
        }
        if own.len() >= MOST {
            return dropped.inc();
        }
        // to a string, which takes everything
        let _ = match self.format {
            Format::Common => common::write(&mut *own, entry, outcome),
            Format::Json => json::write(&mut *own, entry, outcome),
        };
        self.hand_over(&mut own);
    }

    /// Hands over what could not be handed over before.
    pub(crate) fn flush(&self) {
        let mut own = self.own.borrow_mut();
        if !own.is_empty() {
            self.hand_over(&mut own);
        }
    }

    /// Unless the thread has the buffer at this very moment, or is behind.
    fn hand_over(&self, own: &mut String) {
        let mut lines = match self.lines.0.try_lock() {
            Ok(lines) => lines,
            Err(TryLockError::Poisoned(lines)) => lines.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if lines.is_empty() {
            mem::swap(&mut *lines, own);
        } else if lines.len() < MOST {
            lines.push_str(own);
            own.clear();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let own = self.own.get_mut();
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(own);
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use http::Request;

    use super::*;

    fn writer(format: Format) -> Writer {
        let options = Options {
            format,
            file: None,
            drop_query: false,
        };
        Writer::new(&options, Arc::default(), 0, 2)
    }

    fn entry(count: u64) -> Box<Entry> {
        let request = Request::get("http://user:secret@a.example:81/path\"?token=x")
            .body(())
            .unwrap();
        Entry::new((IpAddr::from([10, 0, 0, 1]), 1234), count, &request, false)
    }

    const OUTCOME: Outcome<'static> = Outcome {
        entry_point: "web",
        secure: false,
        status: 404,
        answered: false,
        received: 0,
        sent: 19,
        took: Duration::from_micros(1_500),
    };

    #[test]
    fn a_line_is_what_traefik_writes() {
        let writer = writer(Format::Common);
        let dropped = Counter::default();
        assert_eq!((writer.next().0, writer.next().0), (1, 3));
        writer.write(&entry(1), &OUTCOME, &dropped);
        let line = writer.lines.take(String::new());
        let (before, after) = line.split_once('[').unwrap();
        let (_, after) = after.split_once(']').unwrap();
        assert_eq!(before, "10.0.0.1 - - ");
        assert_eq!(
            after,
            " \"GET /path\\\"?token=x HTTP/1.1\" 404 19 \"-\" \"-\" 1 \"-\" \"-\" 1ms\n"
        );
    }

    #[test]
    fn an_object_has_traefiks_names() {
        let writer = writer(Format::Json);
        writer.write(&entry(1), &OUTCOME, &Counter::default());
        let line = writer.lines.take(String::new());
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["RequestAddr"], "a.example:81");
        assert_eq!(object["RequestPath"], "/path\"?token=x");
        assert_eq!(object["Duration"], 1_500_000);
        assert_eq!(object["Overhead"], 1_500_000);
        assert!(object.get("OriginStatus").is_none());
        assert!(!line.contains("secret"));
    }

    #[test]
    fn who_does_not_keep_up_loses_lines_and_holds_up_nobody() {
        let writer = writer(Format::Json);
        let (entry, dropped) = (entry(1), Counter::default());
        let mut written = 0;
        while dropped.get() < 10 {
            writer.write(&entry, &OUTCOME, &dropped);
            written += 1;
        }
        let waiting = writer.lines.take(String::new());
        assert!(waiting.len() >= MOST && waiting.len() < MOST + 4096);
        writer.write(&entry, &OUTCOME, &dropped);
        writer.flush();
        // what waited on the worker's side, and then the line that came last
        let mut more = writer.lines.take(String::new());
        writer.flush();
        more.push_str(&writer.lines.take(String::new()));
        let lines = waiting.lines().count() + more.lines().count();
        assert_eq!(lines as u64, written + 1 - dropped.get());
        assert!(waiting.ends_with("}\n") && more.ends_with("}\n"));
    }

    #[test]
    fn while_the_thread_looks_lines_stay_and_are_handed_over_later() {
        let writer = writer(Format::Json);
        let lines = writer.lines.clone();
        let looking = lines.0.lock().unwrap();
        writer.write(&entry(1), &OUTCOME, &Counter::default());
        assert!(looking.is_empty());
        drop(looking);
        writer.flush();
        assert_eq!(lines.take(String::new()).lines().count(), 1);
    }
}
