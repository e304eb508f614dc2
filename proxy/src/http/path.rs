//! One spelling for a path, as Traefik's entry points make it before any rule looks: percent-encodings
//! of plain characters are decoded and the others written in upper case, then dot segments and double
//! slashes are removed. Otherwise `/public/../admin` would pass for `/public`.

use std::borrow::Cow;

/// Why a target has no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The path in its one spelling; borrowed when it already is, which costs one look at each byte.
/// `%2F` stays as it is and so does what it hides: it separates no segments.
pub(super) fn sanitized(path: &str) -> Result<Cow<'_, str>, Malformed> {
    let plain = decoded(path)?;
    Ok(if has_detours(plain.as_bytes()) {
        Cow::Owned(straight(&plain))
    } else {
        plain
    })
}

/// Whether a path has segments to be removed.
fn has_detours(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

fn decoded(path: &str) -> Result<Cow<'_, str>, Malformed> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return Err(Malformed);
        };
        let value = digit(*high)
            .zip(digit(*low))
            .map(|(high, low)| high << 4 | low)
            .ok_or(Malformed)?;
        rest = after;
        // RFC 3986, section 2.3
        if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
            out.push(value);
        } else {
            out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| Malformed)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Without empty, `.` and `..` segments (RFC 3986, section 5.2.4); a slash at the end stays.
fn straight(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let mut out = String::with_capacity(path.len() + 1);
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if folder || segments.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(path: &str) -> String {
        sanitized(path).unwrap().into_owned()
    }

    #[test]
    fn a_plain_path_is_borrowed() {
        for path in ["/", "/a/b", "/a.b/c..d/", "/%2F%20"] {
            assert!(sanitized(path).unwrap() == path, "{path}");
        }
        assert!(matches!(sanitized("/a/b"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn detours_are_removed() {
        for (path, straight) in [
            ("/public/../admin", "/admin"),
            ("/../../x", "/x"),
            ("/a/./b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/%2e%2E/admin", "/admin"),
            ("/a/%2e/b", "/a/b"),
        ] {
            assert_eq!(clean(path), straight, "{path}");
        }
    }

    #[test]
    fn encodings_have_one_spelling() {
        assert_eq!(clean("/%41%7e%3a"), "/A~%3A");
        assert_eq!(clean("/a/..%2fb"), "/a/..%2Fb");
    }

    #[test]
    fn broken_encodings_are_refused() {
        for path in ["/%", "/%2", "/%zz"] {
            assert_eq!(sanitized(path), Err(Malformed), "{path}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(path in "/[a./%2eEfF]{0,20}") {
            if let Ok(once) = sanitized(&path) {
                prop_assert_eq!(&*sanitized(&once).unwrap(), &*once);
                prop_assert!(once.starts_with('/') && !once.split('/').any(|s| s == ".." || s == "."));
            }
        }
    }
}
