//! `endpoints.json`: address sets. Changes when pods come and go.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::EndpointSetId;

/// All address sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    /// The form of this document: [`super::SCHEMA`].
    pub schema: u32,
    /// A present, empty set has no endpoints; an absent one is not there yet.
    pub sets: BTreeMap<EndpointSetId, EndpointSet>,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            schema: super::SCHEMA,
            sets: BTreeMap::new(),
        }
    }
}

/// The addresses of one port of a Service, each once, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointSet {
    /// Take traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Address>,
    /// Shutting down and still serving: for clients whose cookie names them, and as the last resort.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminating: Vec<Address>,
}

/// Where an endpoint listens: `10.0.0.1:8080`, `[::1]:80`, `backend.example.com:443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// The host of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name to be looked up, of an `ExternalName` Service.
    Name(String),
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no HOST:PORT")]
pub struct AddressError(String);

impl FromStr for Host {
    type Err = AddressError;

    /// An IP address (IPv6 with or without brackets) or a DNS name.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        if let Some(v6) = bare {
            return v6
                .parse::<Ipv6Addr>()
                .map(|ip| Self::Ip(ip.into()))
                .map_err(|_| AddressError(text.to_owned()));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !name.is_empty() && name.len() <= 253 && name.bytes().all(in_name) && !name.contains("..") {
            Ok(Self::Name(name.to_ascii_lowercase()))
        } else {
            Err(AddressError(text.to_owned()))
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(error());
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(error)?;
        Ok(Self {
            host: host.parse()?,
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_as_read() {
        for text in ["10.0.0.1:8080", "[2001:db8::1]:80", "backend.example.com:443"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "10.0.0.1", ":80", "a:0", "a:99999", "::1:80", "[::1:80", "a b:80", "a..b:80",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
