//! Loading: from the files that the operator publishes to the snapshot that is served.
//!
//! [`Loader`] looks at a directory whenever something in it changes, and once in a while in case
//! that went unnoticed. What it finds is read as one generation (`source`), parsed as far as its digests
//! are new (`documents`), checked, built into the next snapshot and swapped in, all on a thread of its own.
//! What cannot be loaded changes nothing and is told in the [`Status`].

mod apply;
mod documents;
mod file_name;
#[cfg(test)]
mod fixture;
mod loader;
mod rejection;
mod source;
mod status;
#[cfg(test)]
mod tests;
mod watch;

use file_name::FileName;
pub use loader::{Loader, Options};
pub use rejection::{Code, Reason};
pub use status::{Loaded, Rejection, Status};
