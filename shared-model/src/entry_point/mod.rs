//! Entry points: the addresses where the proxy listens, one list for both binaries.

mod check;
mod text;

use std::net::{IpAddr, SocketAddr};

pub use check::{ListError, check};
pub use text::EntryPointError;

use crate::rule::Cidr;

/// One listening address, as routes name it. Written `web=0.0.0.0:8000`, with options after commas:
/// `websecure=:8443,tls,public=443,default`. Options that Traefik has are called as there:
/// `web=:8000,http.redirections.entryPoint.to=websecure,proxyProtocol.trustedIPs=10.0.0.0/8,192.168.0.0/16`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// What `spec.entryPoints` of an IngressRoute names.
    pub name: String,
    /// Where the proxy listens; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Whether connections are TLS.
    pub tls: bool,
    /// The port that clients use, for redirects and `X-Forwarded-Port`; the listening one unless set.
    pub public_port: u16,
    /// Whether routes without entry points are served here. Where no entry point says so, all are.
    pub default: bool,
    /// Where all requests are sent instead of being served.
    pub redirection: Option<Redirection>,
    /// Whose PROXY protocol headers are believed.
    pub proxy_protocol: Trust,
    /// Whose `X-Forwarded-*` headers are believed.
    pub forwarded_headers: Trust,
}

/// An answer that sends clients to another entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// Where to.
    pub to: RedirectTarget,
    /// The scheme that clients are to use there.
    pub scheme: RedirectScheme,
    /// Whether clients may remember it.
    pub permanent: bool,
}

/// Where a [`Redirection`] leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// To the public port of another entry point.
    EntryPoint(String),
    /// To a port.
    Port(u16),
}

/// What a [`Redirection`] has clients speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectScheme {
    /// Without TLS.
    Http,
    /// With TLS.
    #[default]
    Https,
}

impl RedirectScheme {
    /// As in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port of URLs without one.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whose word about a client is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's.
    #[default]
    Nobody,
    /// Of who connects from these addresses.
    From(Vec<Cidr>),
    /// Everybody's: `insecure`.
    Everybody,
}

impl Trust {
    /// Whether the word of who connects from an address is taken.
    pub fn includes(&self, address: IpAddr) -> bool {
        match self {
            Self::Nobody => false,
            Self::From(blocks) => blocks.iter().any(|block| block.contains(address)),
            Self::Everybody => true,
        }
    }
}
