//! What the access log says.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use weir_proxy::{
    access_log::{self, Format},
    app::Options,
};

use super::until;

/// The access log of a proxy under test.
pub struct Logged {
    folder: TempDir,
}

impl Logged {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// Has a proxy write it.
    pub fn log(&self, options: &mut Options, format: Format) {
        options.access_log = Some(access_log::Options {
            format,
            file: Some(self.file()),
            drop_query: false,
        });
    }

    /// The lines, once there are so many.
    pub async fn lines(&self, count: usize) -> Vec<String> {
        lines_of(&self.file(), count).await
    }

    /// The same as objects.
    pub async fn objects(&self, count: usize) -> Vec<Value> {
        let lines = self.lines(count).await;
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The lines of a log, once there are so many. No more may be there.
pub async fn lines_of(file: &Path, count: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(file).unwrap_or_default();
    until(&format!("{count} lines"), async || {
        read().matches('\n').count() >= count
    })
    .await;
    let text = read();
    assert_eq!(text.matches('\n').count(), count, "{text}");
    text.lines().map(str::to_owned).collect()
}
