//! Where a request goes, and where a redirect leads to from there.

use http::Uri;
use weir_model::document::{Address, Host, Scheme};

use super::{super::Fault, http::settings};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: Address,
    /// With its query.
    pub(super) path: String,
    pub(super) scheme: Scheme,
}

/// Where a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) place: Place,
    /// Whether it says a host.
    pub(super) is_absolute: bool,
}

impl Place {
    /// For a request with a host of its own.
    pub(super) fn uri(&self, host: &str) -> Result<Uri, Fault> {
        let scheme = match self.scheme {
            Scheme::H2c | Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let path = self.path.as_str();
        Uri::builder()
            .scheme(scheme)
            .authority(host)
            .path_and_query(path)
            .build()
            .map_err(settings)
    }

    /// Follows a `Location`; none where it is no http or https URL.
    pub(super) fn at(&self, location: &str) -> Option<Next> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme_end = location.find([':', '/', '?']);
        let (scheme, rest) = match scheme_end {
            Some(end) if location[end..].starts_with(':') => {
                let scheme = match location[..end].to_ascii_lowercase().as_str() {
                    "http" => Scheme::Http,
                    "https" => Scheme::Https,
                    _ => return None,
                };
                (scheme, &location[end + 1..])
            }
            _ => (self.scheme, location),
        };
        let Some(rest) = rest.strip_prefix("//") else {
            // `http:x` is nothing that anybody means
            let same = rest.len() == location.len();
            return same.then(|| Next {
                place: Self {
                    path: self.beside(rest),
                    ..self.clone()
                },
                is_absolute: false,
            });
        };
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let place = Self {
            address: address(host, scheme)?,
            path,
            scheme,
        };
        Some(Next {
            place,
            is_absolute: true,
        })
    }

    /// A path and query that is relative to this one.
    fn beside(&self, relative: &str) -> String {
        if relative.starts_with('/') {
            return relative.to_owned();
        }
        let path = self.path.split('?').next().unwrap_or_default();
        if relative.is_empty() {
            return self.path.clone();
        }
        if relative.starts_with('?') {
            return format!("{path}{relative}");
        }
        let (relative, query) = relative.split_at(relative.find('?').unwrap_or(relative.len()));
        let mut segments: Vec<_> = path.split('/').skip(1).collect();
        // what it is beside
        segments.pop();
        let mut is_folder = true;
        for segment in relative.split('/') {
            is_folder = matches!(segment, "." | "..");
            match segment {
                "." => {}
                ".." => {
                    segments.pop();
                }
                segment => segments.push(segment),
            }
        }
        let end = if is_folder && !segments.is_empty() {
            "/"
        } else {
            ""
        };
        format!("/{}{end}{query}", segments.join("/"))
    }
}

fn address(host: &str, scheme: Scheme) -> Option<Address> {
    // names and passwords in URLs are nobody's here
    if host.contains('@') {
        return None;
    }
    host.parse().ok().or_else(|| {
        let host: Host = host.strip_suffix(':').unwrap_or(host).parse().ok()?;
        let port = if scheme == Scheme::Https { 443 } else { 80 };
        Some(Address { host, port })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_browsers_go() {
        let from = Place {
            address: "10.0.0.1:8080".parse().unwrap(),
            path: "/a/b?c=d".to_owned(),
            scheme: Scheme::Http,
        };
        for (location, leads_to) in [
            ("/x", "http://10.0.0.1:8080/x"),
            ("/x?y#z", "http://10.0.0.1:8080/x?y"),
            ("x", "http://10.0.0.1:8080/a/x"),
            ("./x/?y", "http://10.0.0.1:8080/a/x/?y"),
            ("../x", "http://10.0.0.1:8080/x"),
            ("../../../x/..", "http://10.0.0.1:8080/"),
            (".", "http://10.0.0.1:8080/a/"),
            ("?y", "http://10.0.0.1:8080/a/b?y"),
            ("", "http://10.0.0.1:8080/a/b?c=d"),
            ("#z", "http://10.0.0.1:8080/a/b?c=d"),
            ("x?to=http://y", "http://10.0.0.1:8080/a/x?to=http://y"),
            ("//other.example/x", "http://other.example:80/x"),
            ("http://other.example", "http://other.example:80/"),
            ("HTTPS://Other.example?x", "https://other.example:443/?x"),
            ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]:443/"),
        ] {
            let next = from.at(location).unwrap_or_else(|| panic!("{location}"));
            let Place {
                address,
                path,
                scheme,
            } = &next.place;
            assert_eq!(
                format!("{}://{address}{path}", scheme.as_str()),
                leads_to,
                "{location}"
            );
            assert_eq!(
                next.is_absolute,
                location.contains("//") && !location.starts_with('x')
            );
            next.place.uri("host.example").unwrap();
        }
        for location in [
            "ftp://a/",
            "mailto:a",
            "http:x",
            "http://",
            "http://user@host/",
            "http://a:b/",
        ] {
            assert_eq!(from.at(location), None, "{location}");
        }
    }
}
