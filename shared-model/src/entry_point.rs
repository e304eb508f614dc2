//! Entry points: the addresses where the proxy listens, one list for both binaries.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use thiserror::Error;

/// One listening address, as routes name it. Written `web=0.0.0.0:8000`, with options after commas:
/// `websecure=:8443,tls,public=443,default`.
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
}

/// Why a text is no entry point.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entry point {text:?}: {problem}; write NAME=ADDRESS:PORT[,tls][,public=PORT][,default]")]
pub struct EntryPointError {
    text: String,
    problem: &'static str,
}

impl FromStr for EntryPoint {
    type Err = EntryPointError;

    fn from_str(text: &str) -> Result<Self, EntryPointError> {
        let error = |problem| EntryPointError {
            text: text.to_owned(),
            problem,
        };
        let (name, rest) = text.split_once('=').ok_or_else(|| error("no '='"))?;
        let named = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(named) {
            return Err(error("the name is not of letters, digits, '-' and '_'"));
        }
        let mut options = rest.split(',');
        let address = options.next().unwrap_or_default();
        let address = match address.strip_prefix(':') {
            Some(port) => port
                .parse()
                .map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
                .ok(),
            None => address.parse().ok(),
        }
        .ok_or_else(|| error("the address is not IP:PORT or :PORT"))?;
        let mut entry_point = Self {
            name: name.to_owned(),
            address,
            tls: false,
            public_port: address.port(),
            default: false,
        };
        for option in options {
            match option.split_once('=') {
                None if option == "tls" => entry_point.tls = true,
                None if option == "default" => entry_point.default = true,
                Some(("public", port)) => {
                    entry_point.public_port =
                        port.parse().map_err(|_| error("the public port is no port"))?;
                }
                _ => return Err(error("unknown option")),
            }
        }
        Ok(entry_point)
    }
}

impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.address)?;
        if self.tls {
            f.write_str(",tls")?;
        }
        if self.public_port != self.address.port() {
            write!(f, ",public={}", self.public_port)?;
        }
        if self.default {
            f.write_str(",default")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_every_option() {
        for text in [
            "web=127.0.0.1:8000",
            "websecure=0.0.0.0:8443,tls,public=443,default",
            "v6=[::1]:0",
        ] {
            assert_eq!(text.parse::<EntryPoint>().unwrap().to_string(), text);
        }
        assert_eq!(
            ":8000",
            &"web=:8000".parse::<EntryPoint>().unwrap().address.to_string()[4..]
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for text in [
            "web",
            "=1.2.3.4:5",
            "web=localhost",
            "web=:x",
            "web=:80,tsl",
            "web=:80,public=x",
            "w b=:1",
        ] {
            let error = text.parse::<EntryPoint>().unwrap_err().to_string();
            assert!(error.contains("NAME=ADDRESS:PORT"), "{error}");
        }
    }
}
