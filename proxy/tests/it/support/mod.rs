//! What the tests are written with.

mod anybody;
mod authority;
mod backend;
mod client;
mod dns;
mod documents;
mod fixture;
pub mod frames;
mod full;
pub mod http2;
mod logged;
pub mod probes;
mod process;
mod recorder;
mod refusing;

pub use anybody::anybody;
pub use authority::{Authority, Certified};
pub use backend::{Backend, RawBackend, Received, Speaks, answer};
pub use client::{Client, Response, get, secure};
pub use dns::{Answer, Dns};
pub use documents::{Documents, secret_id, sticky_cookie};
pub use fixture::{Fixture, until};
pub use full::Full;
pub use logged::{Logged, lines_of};
pub use process::{PROXY, Process};
pub use recorder::Recorder;
pub use refusing::refusing;
