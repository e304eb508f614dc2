//! What is logged.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{EnvFilter, fmt};

/// What this thread logs as long as this is there: lines with level and message.
pub struct Logged {
    bytes: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Logged {
    /// From now on, what these directives let through.
    pub fn start(directives: &str) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer(bytes.clone());
        let subscriber = fmt::Subscriber::builder()
            .with_env_filter(EnvFilter::new(directives))
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        Self { bytes, _guard: guard }
    }

    /// The lines that contain this.
    pub fn lines(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap();
        let lines = all.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .map_err(|_| io::ErrorKind::Other)?
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
