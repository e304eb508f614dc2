//! The query's parameters, as Go's `url.ParseQuery` reads them.

use std::borrow::Cow;

use super::request::{hexadecimal, lossy};

/// The pairs of a query, decoded. Pairs that do not decode are left out.
///
/// A `;` separates pairs like a `&`: Traefik rewrites it before it routes.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split(['&', ';'])
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(key)?, decoded(value)?))
        })
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                hexadecimal(digits)?
            }
            other => other,
        });
    }
    Some(Cow::Owned(lossy(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Vec<(String, String)> {
        pairs(query)
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_are_split_and_decoded() {
        assert_eq!(
            read("a=1&b=x+y&c=%26%3d&%61=é"),
            [pair("a", "1"), pair("b", "x y"), pair("c", "&="), pair("a", "é")]
        );
        assert_eq!(
            read("a&b=&=c&d=1=2"),
            [pair("a", ""), pair("b", ""), pair("", "c"), pair("d", "1=2")]
        );
        assert_eq!(read(""), []);
        assert_eq!(read("&&"), []);
    }

    #[test]
    fn a_semicolon_separates() {
        assert_eq!(read("a=1;b=2"), [pair("a", "1"), pair("b", "2")]);
    }

    #[test]
    fn pairs_with_broken_encodings_are_left_out() {
        assert_eq!(read("a=%&b=%zz&%4=c&d=%+1&e=1"), [pair("e", "1")]);
    }
}
