//! Sticky cookies.

use sha1::{Digest as _, Sha1};
use weir_model::{
    crd::Sticky,
    document::{SameSite, StickyCookie},
    hex::hex,
};

use super::{Place, Sink, value::one_of};
use crate::compile::finding::{Code, Severity};

impl Sink<'_> {
    /// The cookie of a service with this Traefik name, if it shall have one.
    pub(super) fn sticky(
        &mut self,
        field: &Place<'_>,
        sticky: Option<&Sticky>,
        traefik_name: &str,
    ) -> Option<StickyCookie> {
        let sticky = sticky?;
        let Some(cookie) = &sticky.cookie else {
            self.ignored(
                field,
                "`sticky` without `cookie` keeps no client anywhere",
                Severity::Warning,
            );
            return None;
        };
        let field = field.key("cookie");
        let name = match cookie.name.as_deref() {
            None | Some("") => default_name(traefik_name),
            Some(name) => sanitized(name),
        };
        let same_site = match cookie.same_site.as_deref() {
            None | Some("") => None,
            Some(word) => match word.to_ascii_lowercase().as_str() {
                "none" => Some(SameSite::None),
                "lax" => Some(SameSite::Lax),
                "strict" => Some(SameSite::Strict),
                _ => {
                    let help = one_of(word, &["none", "lax", "strict"]);
                    let message = format!("the SameSite policy {word:?} does not exist");
                    self.add(&field.key("sameSite"), Code::InvalidSticky, message, help);
                    None
                }
            },
        };
        if let Some(name) = cookie.name.as_deref().filter(|n| !n.is_empty() && **n != *name) {
            self.push(
                &field.key("name"),
                Code::IgnoredField,
                format!("{name:?} is no cookie name"),
                |f| {
                    f.severity(Severity::Info)
                        .effect(format!("the cookie is called {:?}", sanitized(name)))
                },
            );
        }
        for (key, value) in [("path", &cookie.path), ("domain", &cookie.domain)] {
            if let Some(value) = value.as_deref().filter(|v| !v.bytes().all(is_attribute_byte)) {
                let message = format!("{value:?} cannot be a cookie's {key}");
                self.add(&field.key(key), Code::InvalidSticky, message, None);
            }
        }
        let path = cookie.path.as_deref().unwrap_or("/");
        let domain = cookie
            .domain
            .as_deref()
            .map(|d| d.strip_prefix('.').unwrap_or(d))
            .filter(|d| !d.is_empty());
        Some(StickyCookie {
            domain: domain.map(str::to_owned),
            http_only: cookie.http_only.unwrap_or_default(),
            max_age: cookie.max_age.unwrap_or_default(),
            name,
            path: (!path.is_empty()).then(|| path.to_owned()),
            same_site,
            secure: cookie.secure.unwrap_or_default(),
        })
    }
}

/// RFC 6265: any printable ASCII but `;`.
fn is_attribute_byte(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b';'
}

/// Every byte that no token has becomes `_`, as in Traefik.
fn sanitized(name: &str) -> String {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^`|~".contains(c);
    name.chars().map(|c| if token(c) { c } else { '_' }).collect()
}

/// `_` and five hex digits, as Traefik computes it.
fn default_name(traefik_name: &str) -> String {
    let hash = Sha1::digest(format!("_TRAEFIK_BACKEND_{traefik_name}"));
    format!("_{}", &hex(&hash)[..5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_are_traefiks() {
        for (service, cookie) in [
            ("backend", "_76eb3"),
            ("/my/BACKEND-v1.0~rc1", "_5f7bc"),
            ("default-wrr1@kubernetescrd", "_35140"),
            ("apps-wrr1@kubernetescrd", "_c0944"),
            ("apps-whoami1-80@kubernetescrd", "_fcc64"),
        ] {
            assert_eq!(default_name(service), cookie, "{service}");
        }
    }

    #[test]
    fn names_are_made_of_token_characters() {
        assert_eq!(sanitized("my cookie;é"), "my_cookie__");
    }
}
