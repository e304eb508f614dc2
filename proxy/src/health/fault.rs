//! Why a probe fails.

use thiserror::Error;

use crate::metrics::Label;

/// Why a probe fails.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It does not answer in the way it is spoken with, or not to the end.
    #[error("no answer: {0}")]
    Broken(String),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// gRPC's health service does not say that it serves.
    #[error("gRPC: {0}")]
    Grpc(String),
    /// We cannot ask: this says nothing about the endpoint.
    #[error("the proxy cannot ask: {0}")]
    Local(String),
    /// A redirect that leads nowhere, or too many of them.
    #[error("redirect: {0}")]
    Redirect(String),
    /// The host's name does not resolve.
    #[error("the name does not resolve: {0}")]
    Resolve(String),
    /// The check cannot be done as it is written.
    #[error("the check cannot be done: {0}")]
    Settings(String),
    /// Another status than it should be.
    #[error("status {0}")]
    Status(u16),
    /// Not in time.
    #[error("timeout while {0}")]
    Timeout(&'static str),
    /// No TLS with it.
    #[error("TLS: {0}")]
    Tls(String),
}

macro_rules! outcomes {
    ($($variant:ident = $label:literal,)*) => {
        /// What came of a probe, to be counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Outcome { $($variant,)* }

        impl Label for Outcome {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

outcomes! {
    Ok = "ok",
    Broken = "broken",
    Connect = "connect",
    Grpc = "grpc",
    Local = "local",
    Redirect = "redirect",
    Resolve = "resolve",
    Settings = "settings",
    Status = "status",
    Timeout = "timeout",
    Tls = "tls",
}

impl Outcome {
    /// How many there are.
    pub(super) const COUNT: usize = <Self as Label>::ALL.len();
}

impl From<&Fault> for Outcome {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Broken(_) => Self::Broken,
            Fault::Connect(_) => Self::Connect,
            Fault::Grpc(_) => Self::Grpc,
            Fault::Local(_) => Self::Local,
            Fault::Redirect(_) => Self::Redirect,
            Fault::Resolve(_) => Self::Resolve,
            Fault::Settings(_) => Self::Settings,
            Fault::Status(_) => Self::Status,
            Fault::Timeout(_) => Self::Timeout,
            Fault::Tls(_) => Self::Tls,
        }
    }
}
