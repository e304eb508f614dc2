//! What the tests are written with.

mod authority;
mod backend;
mod client;
mod dns;
mod documents;
mod fixture;
pub mod frames;
pub mod http2;
mod logged;
pub mod probes;
mod process;
mod recorder;

pub use authority::{Authority, Certified};
pub use backend::{Backend, RawBackend, Received, Speaks, answer};
pub use client::{Client, Response, get, secure};
pub use dns::{Answer, Dns};
pub use documents::{Documents, secret_id, sticky_cookie};
pub use fixture::{Fixture, until};
pub use logged::{Logged, lines_of};
pub use process::{PROXY, Process};
pub use recorder::Recorder;
