//! Cookies as requests bring them and responses set them (RFC 6265).

use http::{HeaderMap, HeaderValue, header::COOKIE};
use weir_model::document::{SameSite, StickyCookie};

use super::Token;

/// A cookie to set, but for its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Box<str>,
    /// What stands behind the value, with the `;` before it.
    attributes: Box<str>,
}

impl Cookie {
    /// `name=value` and the attributes.
    pub fn set(&self, value: Token) -> HeaderValue {
        let text = format!("{}={value}{}", self.name, self.attributes);
        // names and attributes with other bytes do not get through the compiler; a cookie less breaks nobody
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl From<&StickyCookie> for Cookie {
    /// In the order in which Traefik writes them.
    fn from(cookie: &StickyCookie) -> Self {
        let age = match cookie.max_age {
            0 => None,
            age => Some(age.max(0)),
        };
        let same_site = cookie.same_site.map(|policy| match policy {
            SameSite::Lax => "Lax",
            SameSite::None => "None",
            SameSite::Strict => "Strict",
        });
        let mut attributes = String::new();
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                attributes.extend(["; ", name, value]);
            }
        };
        add("Path=", cookie.path.as_deref());
        add("Domain=", cookie.domain.as_deref());
        add("Max-Age=", age.map(|age| age.to_string()).as_deref());
        add("HttpOnly", cookie.http_only.then_some(""));
        add("Secure", cookie.secure.then_some(""));
        add("SameSite=", same_site);
        Self {
            name: cookie.name.as_str().into(),
            attributes: attributes.into(),
        }
    }
}

/// The value of the first cookie with this name that a request has.
pub(super) fn value_in<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut pairs = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let after = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
        let value = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        let bare = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        Some(bare.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> StickyCookie {
        StickyCookie {
            domain: None,
            http_only: false,
            max_age: 0,
            name: "lvl1".to_owned(),
            path: Some("/".to_owned()),
            same_site: None,
            secure: false,
        }
    }

    fn set(cookie: &StickyCookie) -> HeaderValue {
        Cookie::from(cookie).set(Token::of("apps-whoami1-80"))
    }

    #[test]
    fn attributes_are_written_as_traefik_writes_them() {
        assert_eq!(set(&cookie()), "lvl1=9a8d96fe01c3a543; Path=/");
        let all = StickyCookie {
            domain: Some("example.com".to_owned()),
            http_only: true,
            max_age: 60,
            path: Some("/foo".to_owned()),
            same_site: Some(SameSite::None),
            secure: true,
            ..cookie()
        };
        assert_eq!(
            set(&all),
            "lvl1=9a8d96fe01c3a543; Path=/foo; Domain=example.com; Max-Age=60; HttpOnly; Secure; SameSite=None"
        );
        let gone = StickyCookie {
            max_age: -5,
            path: None,
            same_site: Some(SameSite::Strict),
            ..cookie()
        };
        assert_eq!(set(&gone), "lvl1=9a8d96fe01c3a543; Max-Age=0; SameSite=Strict");
    }

    #[test]
    fn the_first_cookie_of_a_name_counts() {
        let mut headers = HeaderMap::new();
        for value in ["a=1; b= \"2\" ;c", "d=3;b=4", "ab=7; e =5=6"] {
            headers.append(COOKIE, HeaderValue::from_static(value));
        }
        let value = |name| value_in(&headers, name).map(|value| str::from_utf8(value).unwrap());
        assert_eq!(value("a"), Some("1"));
        assert_eq!(value("b"), Some("2"));
        assert_eq!(value("d"), Some("3"));
        assert_eq!(value("e"), Some("5=6"));
        assert_eq!(value("c"), None);
        assert_eq!(value("A"), None);
    }
}
