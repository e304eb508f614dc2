//! Notices changes in a directory.

use std::{
    future,
    path::{Path, PathBuf},
};

use futures::{FutureExt as _, StreamExt as _};
use inotify::{EventMask, EventStream, Inotify, WatchDescriptor, WatchMask};

/// Room for events of one read; what does not fit is read next.
const BUFFER: usize = 4_096;

/// inotify on a directory. It only says that looking is worth while: events get lost (the directory
/// is replaced, the kernel has no watches left), so nobody may rely on it alone.
#[derive(Debug)]
pub(super) struct DirWatch {
    dir: PathBuf,
    /// None where inotify does not work.
    events: Option<EventStream<[u8; BUFFER]>>,
    watched: Option<WatchDescriptor>,
}

impl DirWatch {
    /// Watches nothing yet. Needs the runtime's I/O driver.
    pub(super) fn new(dir: &Path) -> Self {
        let events = Inotify::init().and_then(|inotify| inotify.into_event_stream([0; BUFFER]));
        if let Err(error) = &events {
            tracing::warn!(%error, "no inotify, changes are noticed later");
        }
        Self {
            dir: dir.to_owned(),
            events: events.ok(),
            watched: None,
        }
    }

    /// Watches the directory that is now in its place, if there is one. Cheap when that is so already.
    pub(super) fn attach(&mut self) {
        let Some(events) = &self.events else { return };
        // not reads: ours would wake us again
        let mask = WatchMask::CREATE
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let mut watches = events.watches();
        let present = watches.add(&self.dir, mask).ok();
        if present != self.watched {
            // another directory than before; removing fails when that one is gone, which is as well
            if let Some(before) = std::mem::replace(&mut self.watched, present) {
                let _ = watches.remove(before);
            }
        }
    }

    /// Waits until something has changed since the last call, or since the watch began. For ever
    /// where inotify does not work.
    pub(super) async fn changed(&mut self) {
        let Some(events) = &mut self.events else {
            return future::pending().await;
        };
        loop {
            match events.next().await {
                // that a watch has ended follows from something else or from our own removal of it
                Some(Ok(event)) if event.mask.contains(EventMask::IGNORED) => {}
                Some(Ok(_)) => break,
                Some(Err(_)) | None => {
                    self.events = None;
                    return future::pending().await;
                }
            }
        }
        // one look is enough for all that has come
        while let Some(Some(Ok(_))) = events.next().now_or_never() {}
    }
}
