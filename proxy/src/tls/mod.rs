//! TLS, as documents describe it: from PEM texts to what rustls connects with.
//!
//! Whatever is wrong with the settings is an error, and who has them is not reached: a connection under weaker settings
//! than somebody asked for is made for nobody.

mod client;
mod material;
mod names;
mod roots;
mod server;
mod store;
mod verify;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use thiserror::Error;

pub use client::ClientTls;
pub use server::{CertificateStore, Certificates};
pub use store::ClientTlsStore;

/// Why no TLS can be spoken as documents want it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// A text that should hold certificates or a key does not.
    #[error("{what}: {problem}")]
    Material {
        /// Which one.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What it names is not there.
    #[error("{0} is not there")]
    Missing(String),
    /// The settings do not go together.
    #[error("{0}")]
    Settings(String),
}

/// The one that all of this process's TLS is made with.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
