//! How an entry point is written.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use thiserror::Error;

use super::{EntryPoint, RedirectScheme, RedirectTarget, Redirection, Trust};
use crate::rule::Cidr;

const REDIRECT_TO: &str = "http.redirections.entryPoint.to";
const REDIRECT_SCHEME: &str = "http.redirections.entryPoint.scheme";
const REDIRECT_PERMANENT: &str = "http.redirections.entryPoint.permanent";
const PROXY_FROM: &str = "proxyProtocol.trustedIPs";
const PROXY_INSECURE: &str = "proxyProtocol.insecure";
const FORWARDED_FROM: &str = "forwardedHeaders.trustedIPs";
const FORWARDED_INSECURE: &str = "forwardedHeaders.insecure";

/// Why a text is no entry point.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "entry point {text:?}: {problem}; write NAME=ADDRESS:PORT[,tls][,public=PORT][,default]\
     [,{REDIRECT_TO}=NAME][,{REDIRECT_SCHEME}=https][,{REDIRECT_PERMANENT}=true]\
     [,{PROXY_FROM}=CIDR,CIDR][,{PROXY_INSECURE}][,{FORWARDED_FROM}=CIDR,CIDR][,{FORWARDED_INSECURE}]"
)]
pub struct EntryPointError {
    text: String,
    problem: String,
}

/// What has been read so far.
struct Reading {
    entry_point: EntryPoint,
    /// The options of a redirection may come before its target.
    scheme: Option<RedirectScheme>,
    permanent: Option<bool>,
    /// The list that an option without a name belongs to.
    list: Option<List>,
}

#[derive(Clone, Copy)]
enum List {
    ProxyProtocol,
    ForwardedHeaders,
}

impl FromStr for EntryPoint {
    type Err = EntryPointError;

    fn from_str(text: &str) -> Result<Self, EntryPointError> {
        read(text).map_err(|problem| EntryPointError {
            text: text.to_owned(),
            problem,
        })
    }
}

fn read(text: &str) -> Result<EntryPoint, String> {
    let (name, rest) = text.split_once('=').ok_or("no '='")?;
    let named = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || !name.bytes().all(named) {
        return Err("the name is not of letters, digits, '-' and '_'".into());
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
    .ok_or("the address is not IP:PORT or :PORT")?;
    let mut reading = Reading {
        entry_point: EntryPoint {
            name: name.to_owned(),
            address,
            tls: false,
            public_port: address.port(),
            default: false,
            redirection: None,
            proxy_protocol: Trust::Nobody,
            forwarded_headers: Trust::Nobody,
        },
        scheme: None,
        permanent: None,
        list: None,
    };
    for option in options {
        reading.option(option)?;
    }
    reading.finished()
}

impl Reading {
    fn option(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        // as Traefik writes lists: `trustedIPs=10.0.0.0/8,192.168.0.0/16`
        if let (Some(list), None) = (self.list, value)
            && (name.starts_with(|first: char| first.is_ascii_digit()) || name.contains(':'))
        {
            return self.trusted(list, name);
        }
        self.list = None;
        match (name, value) {
            ("tls", _) => self.entry_point.tls = flag(name, value)?,
            ("default", _) => self.entry_point.default = flag(name, value)?,
            ("public", Some(value)) => self.entry_point.public_port = port(value)?,
            (REDIRECT_TO, Some(to)) => {
                let to = match to.strip_prefix(':') {
                    Some(number) => RedirectTarget::Port(port(number)?),
                    None if to.is_empty() => return Err(format!("{name} is empty")),
                    None => RedirectTarget::EntryPoint(to.to_owned()),
                };
                self.entry_point.redirection = Some(Redirection {
                    to,
                    scheme: RedirectScheme::default(),
                    permanent: true,
                });
            }
            (REDIRECT_SCHEME, Some(value)) => {
                let known = [RedirectScheme::Http, RedirectScheme::Https];
                let scheme = known.into_iter().find(|scheme| scheme.as_str() == value);
                self.scheme = Some(scheme.ok_or_else(|| format!("{name} is http or https, not {value:?}"))?);
            }
            (REDIRECT_PERMANENT, _) => self.permanent = Some(flag(name, value)?),
            (PROXY_FROM, Some(block)) => self.trusted(List::ProxyProtocol, block)?,
            (FORWARDED_FROM, Some(block)) => self.trusted(List::ForwardedHeaders, block)?,
            (PROXY_INSECURE, _) if flag(name, value)? => self.entry_point.proxy_protocol = Trust::Everybody,
            (FORWARDED_INSECURE, _) if flag(name, value)? => {
                self.entry_point.forwarded_headers = Trust::Everybody;
            }
            (PROXY_INSECURE | FORWARDED_INSECURE, _) => {}
            ("public" | REDIRECT_TO | REDIRECT_SCHEME | PROXY_FROM | FORWARDED_FROM, None) => {
                return Err(format!("{name} needs a value"));
            }
            _ => return Err(format!("there is no option {name:?}")),
        }
        Ok(())
    }

    fn trusted(&mut self, list: List, block: &str) -> Result<(), String> {
        let block: Cidr = block
            .parse()
            .map_err(|_| format!("{block:?} is neither an IP address nor a block such as 10.0.0.0/8"))?;
        let trust = match list {
            List::ProxyProtocol => &mut self.entry_point.proxy_protocol,
            List::ForwardedHeaders => &mut self.entry_point.forwarded_headers,
        };
        match trust {
            Trust::Nobody => *trust = Trust::From(vec![block]),
            Trust::From(blocks) => blocks.push(block),
            Trust::Everybody => {}
        }
        self.list = Some(list);
        Ok(())
    }

    fn finished(mut self) -> Result<EntryPoint, String> {
        match &mut self.entry_point.redirection {
            Some(redirection) => {
                redirection.scheme = self.scheme.unwrap_or(redirection.scheme);
                redirection.permanent = self.permanent.unwrap_or(redirection.permanent);
            }
            None if self.scheme.is_some() || self.permanent.is_some() => {
                return Err(format!("a redirection needs {REDIRECT_TO}"));
            }
            None => {}
        }
        Ok(self.entry_point)
    }
}

fn port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits);
    port.ok_or_else(|| format!("{text:?} is no port"))
}

fn flag(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(value) => Err(format!("{name} is true or false, not {value:?}")),
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
        if let Some(redirection) = &self.redirection {
            match &redirection.to {
                RedirectTarget::EntryPoint(name) => write!(f, ",{REDIRECT_TO}={name}")?,
                RedirectTarget::Port(port) => write!(f, ",{REDIRECT_TO}=:{port}")?,
            }
            if redirection.scheme != RedirectScheme::default() {
                write!(f, ",{REDIRECT_SCHEME}={}", redirection.scheme.as_str())?;
            }
            if !redirection.permanent {
                write!(f, ",{REDIRECT_PERMANENT}=false")?;
            }
        }
        for (trust, from, insecure) in [
            (&self.proxy_protocol, PROXY_FROM, PROXY_INSECURE),
            (&self.forwarded_headers, FORWARDED_FROM, FORWARDED_INSECURE),
        ] {
            match trust {
                Trust::Nobody => {}
                Trust::From(blocks) => {
                    write!(f, ",{from}=")?;
                    for (place, block) in blocks.iter().enumerate() {
                        write!(f, "{}{block}", if place > 0 { "," } else { "" })?;
                    }
                }
                Trust::Everybody => write!(f, ",{insecure}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> EntryPoint {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_prints_every_option() {
        for text in [
            "web=127.0.0.1:8000",
            "websecure=0.0.0.0:8443,tls,public=443,default",
            "v6=[::1]:0",
            "web=0.0.0.0:80,http.redirections.entryPoint.to=websecure",
            "web=0.0.0.0:80,http.redirections.entryPoint.to=:8443,http.redirections.entryPoint.scheme=http,\
             http.redirections.entryPoint.permanent=false",
            "web=0.0.0.0:80,proxyProtocol.trustedIPs=10.0.0.0/8,::1/128,forwardedHeaders.trustedIPs=fd00::/8",
            "web=0.0.0.0:80,proxyProtocol.trustedIPs=10.0.0.0/8,forwardedHeaders.insecure",
            "web=0.0.0.0:80,proxyProtocol.insecure,forwardedHeaders.insecure",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(":8000", &read("web=:8000").address.to_string()[4..]);
    }

    #[test]
    fn a_redirection_is_permanent_and_to_https_unless_it_says_otherwise() {
        let redirection = read("web=:80,http.redirections.entryPoint.to=b")
            .redirection
            .unwrap();
        assert!(redirection.permanent && redirection.scheme == RedirectScheme::Https);
        // in any order
        let text = "web=:80,http.redirections.entryPoint.permanent=false,http.redirections.entryPoint.to=b";
        assert!(!read(text).redirection.unwrap().permanent);
    }

    #[test]
    fn lists_go_on_until_another_option_comes() {
        let entry_point =
            read("web=:80,forwardedHeaders.trustedIPs=10.0.0.0/8,fd00::/8,192.0.2.7,default,tls=false");
        let trusted = |address: &str| entry_point.forwarded_headers.includes(address.parse().unwrap());
        assert!(trusted("10.1.2.3") && trusted("fd00::1") && trusted("192.0.2.7"));
        assert!(trusted("::ffff:10.1.2.3") && !trusted("192.0.2.8") && !trusted("::1"));
        assert!(entry_point.default && !entry_point.tls);
        assert_eq!(entry_point.proxy_protocol, Trust::Nobody);
    }

    #[test]
    fn who_trusts_everybody_trusts_nobody_in_particular() {
        for text in [
            "web=:80,proxyProtocol.insecure,proxyProtocol.trustedIPs=10.0.0.0/8",
            "web=:80,proxyProtocol.trustedIPs=10.0.0.0/8,proxyProtocol.insecure=true",
        ] {
            assert_eq!(read(text).proxy_protocol, Trust::Everybody, "{text}");
        }
        assert_eq!(
            read("web=:80,proxyProtocol.insecure=false").proxy_protocol,
            Trust::Nobody
        );
    }

    #[test]
    fn says_what_is_wrong_and_what_is_allowed() {
        for (text, problem) in [
            ("web", "no '='"),
            ("=1.2.3.4:5", "the name"),
            ("web=localhost", "the address"),
            ("web=:x", "the address"),
            ("web=:80,tsl", "there is no option \"tsl\""),
            ("web=:80,public=x", "\"x\" is no port"),
            ("web=:80,public=+1", "\"+1\" is no port"),
            ("web=:80,public", "public needs a value"),
            ("web=:80,tls=yes", "tls is true or false"),
            ("w b=:1", "the name"),
            ("web=:80,10.0.0.0/8", "there is no option"),
            (
                "web=:80,proxyProtocol.trustedIPs=10.0.0.0/33",
                "neither an IP address",
            ),
            (
                "web=:80,proxyProtocol.trustedIPs=10.0.0.0/8,tls,10.0.0.0/8",
                "there is no option",
            ),
            ("web=:80,http.redirections.entryPoint.to=", "is empty"),
            ("web=:80,http.redirections.entryPoint.to=:x", "no port"),
            ("web=:80,http.redirections.entryPoint.scheme=ftp", "http or https"),
            (
                "web=:80,http.redirections.entryPoint.permanent=false",
                "needs http.redirections",
            ),
        ] {
            let error = text.parse::<EntryPoint>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(error.contains("NAME=ADDRESS:PORT"), "{error}");
        }
    }
}
