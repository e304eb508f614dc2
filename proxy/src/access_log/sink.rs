//! The log's thread.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    mem,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Lines, Options};
use crate::metrics::Counter;

/// How often the thread looks for lines.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells the thread what to do, and what it could not do.
#[derive(Debug, Default)]
pub(crate) struct Control {
    reopen: AtomicBool,
    /// Lines that could not be written.
    pub(crate) lost: Counter,
}

impl Control {
    /// Has the file opened anew, when it was moved away.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }
}

/// Writes what workers hand over.
#[derive(Debug)]
pub(crate) struct Sink {
    control: Arc<Control>,
    out: Out,
    options: Options,
    /// Of each worker.
    lines: Vec<Arc<Lines>>,
    /// Whether the last attempt to write failed.
    failing: bool,
}

#[derive(Debug)]
enum Out {
    File(File),
    Standard(io::Stdout),
}

impl Sink {
    /// Opens the file.
    pub(crate) fn new(options: Options, workers: usize, control: Arc<Control>) -> io::Result<Self> {
        let out = match &options.file {
            Some(file) => Out::File(open(file)?),
            None => Out::Standard(io::stdout()),
        };
        Ok(Self {
            control,
            out,
            options,
            lines: (0..workers).map(|_| Arc::default()).collect(),
            failing: false,
        })
    }

    /// What is logged where.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Where a worker puts its lines.
    pub(crate) fn lines(&self, worker: usize) -> Arc<Lines> {
        self.lines[worker].clone()
    }

    /// Writes until all workers are gone and all is written.
    pub(crate) fn run(mut self) {
        let mut buffer = String::new();
        loop {
            // before the look, so that the last lines are seen
            let over = self.lines.iter().all(|lines| Arc::strong_count(lines) == 1);
            if self.control.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            for worker in 0..self.lines.len() {
                buffer = self.lines[worker].take(mem::take(&mut buffer));
                if !buffer.is_empty() {
                    self.write(&buffer);
                    buffer.clear();
                }
            }
            if over {
                return;
            }
            thread::park_timeout(PAUSE);
        }
    }

    fn reopen(&mut self) {
        let Some(file) = &self.options.file else {
            return;
        };
        match open(file) {
            Ok(opened) => self.out = Out::File(opened),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "cannot open the access log anew, the old one is written on");
            }
        }
    }

    fn write(&mut self, lines: &str) {
        let written = match &mut self.out {
            Out::File(file) => file.write_all(lines.as_bytes()),
            Out::Standard(out) => out.write_all(lines.as_bytes()).and_then(|()| out.flush()),
        };
        match written {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.control.lost.add(lines.lines().count() as u64);
                // once, not twenty times a second
                if !mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "cannot write to the access log");
                }
            }
        }
    }
}

fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(file)
}
