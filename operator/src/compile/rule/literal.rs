//! Go's string literals (The Go Programming Language Specification, "String literals").
//!
//! Each function takes the text from the opening quote on and gives the token and its length in bytes. After an
//! error the token holds what could be read.

use std::str::Chars;

use super::Diagnostics;
use super::lex::Token;

/// `` `…` ``: no escapes; carriage returns are dropped.
pub(super) fn raw(rest: &str, start: usize, diagnostics: &mut Diagnostics) -> (Token, usize) {
    if let Some(length) = rest[1..].find('`') {
        return (Token::Text(rest[1..=length].replace('\r', "")), length + 2);
    }
    diagnostics.error(
        start..start + rest.len(),
        "the string is not closed: there is no second backtick",
    );
    (Token::Text(rest[1..].to_owned()), rest.len())
}

/// `"…"`: with escapes, on one line.
pub(super) fn interpreted(rest: &str, start: usize, diagnostics: &mut Diagnostics) -> (Token, usize) {
    let mut bytes = Vec::new();
    let mut chars = rest[1..].chars();
    let at = |chars: &Chars<'_>| rest.len() - chars.as_str().len();
    loop {
        let before = at(&chars);
        match chars.next() {
            Some('"') => break,
            Some('\\') => match escape(&mut chars) {
                Some(Escaped::Char(character)) => push(&mut bytes, character),
                Some(Escaped::Byte(byte)) => bytes.push(byte),
                None => {
                    let span = start + before..start + at(&chars);
                    let shown = &rest[before..at(&chars)];
                    diagnostics.error_with_help(
                        span,
                        format!("unknown escape `{shown}` in a double-quoted string"),
                        "write the string in backticks, where a backslash stands for itself, or double the backslash",
                    );
                }
            },
            None | Some('\n') => {
                let end = start + before;
                diagnostics.error(
                    start..end,
                    "the string is not closed: there is no second `\"` on its line",
                );
                return (Token::Text(String::from_utf8_lossy(&bytes).into_owned()), before);
            }
            Some(other) => push(&mut bytes, other),
        }
    }
    let length = at(&chars);
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        diagnostics.error(
            start..start + length,
            "the escapes in this string do not make valid UTF-8",
        );
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    (Token::Text(text), length)
}

/// `'…'` is no string in Go; it is read as one to go on.
pub(super) fn single_quoted(rest: &str, start: usize, diagnostics: &mut Diagnostics) -> (Token, usize) {
    let (content, length) = match rest[1..].find('\'') {
        Some(length) => (&rest[1..=length], length + 2),
        None => (&rest[1..], rest.len()),
    };
    diagnostics.error_with_help(
        start..start + length,
        "a string stands in backticks or double quotes, not in single quotes",
        format!("write `` `{content}` ``"),
    );
    (Token::Text(content.to_owned()), length)
}

enum Escaped {
    Char(char),
    /// One byte, not one character: `\xff` and `\377`.
    Byte(u8),
}

/// What stands after a backslash; `None` when that is no escape of Go.
fn escape(chars: &mut Chars<'_>) -> Option<Escaped> {
    let character = match chars.clone().next()? {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '"' => '"',
        'x' => {
            return number(chars, 1, 2, 16)
                .and_then(|code| u8::try_from(code).ok())
                .map(Escaped::Byte);
        }
        'u' => {
            return number(chars, 1, 4, 16)
                .and_then(char::from_u32)
                .map(Escaped::Char);
        }
        'U' => {
            return number(chars, 1, 8, 16)
                .and_then(char::from_u32)
                .map(Escaped::Char);
        }
        '0'..='7' => {
            return number(chars, 0, 3, 8)
                .and_then(|code| u8::try_from(code).ok())
                .map(Escaped::Byte);
        }
        // a line break is left for the caller, who ends the string there
        '\n' => return None,
        _ => {
            chars.next();
            return None;
        }
    };
    chars.next();
    Some(Escaped::Char(character))
}

/// A number of exactly `digits` digits after `skip` characters; takes what belongs to it.
fn number(chars: &mut Chars<'_>, skip: usize, digits: usize, radix: u32) -> Option<u32> {
    for _ in 0..skip {
        chars.next();
    }
    let mut value = 0;
    for _ in 0..digits {
        let digit = chars.clone().next()?.to_digit(radix)?;
        chars.next();
        value = value * radix + digit;
    }
    Some(value)
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reader = fn(&str, usize, &mut Diagnostics) -> (Token, usize);

    fn read(reader: Reader, text: &str) -> (String, usize, Option<std::ops::Range<usize>>) {
        let mut diagnostics = Diagnostics::default();
        match reader(text, 0, &mut diagnostics) {
            (Token::Text(content), length) => {
                (content, length, diagnostics.errors.pop().map(|error| error.span))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn backticks_hold_everything_as_it_is() {
        assert_eq!(read(raw, "`a\\n\"\r\n` b"), ("a\\n\"\n".into(), 8, None));
        assert_eq!(read(raw, "`a"), ("a".into(), 2, Some(0..2)));
    }

    #[test]
    fn double_quotes_have_the_escapes_of_go() {
        let (content, length, error) = read(interpreted, r#""\a\t\\\"\x41\101\u00e9\U0001F600\xc3\xa9" x"#);
        assert_eq!((content.as_str(), length, error), ("\x07\t\\\"AAé😀é", 42, None));
    }

    #[test]
    fn other_escapes_are_pointed_at() {
        assert_eq!(read(interpreted, r#""a\d""#), ("a".into(), 5, Some(2..4)));
        assert_eq!(read(interpreted, r#""a\u12""#), ("a".into(), 7, Some(2..6)));
        assert_eq!(read(interpreted, r#""\'""#).2, Some(1..3));
        assert_eq!(read(interpreted, r#""\400""#).2, Some(1..5));
        assert_eq!(read(interpreted, r#""\xff""#).2, Some(0..6));
    }

    #[test]
    fn a_double_quoted_string_ends_on_its_line() {
        assert_eq!(read(interpreted, "\"ab\nc\""), ("ab".into(), 3, Some(0..3)));
        assert_eq!(read(interpreted, "\"ab\\"), ("ab".into(), 4, Some(0..4)));
        assert_eq!(read(interpreted, "\"ab\\\n\""), ("ab".into(), 4, Some(0..4)));
    }

    #[test]
    fn single_quotes_are_an_error_that_is_read_on() {
        assert_eq!(read(single_quoted, "'a' b"), ("a".into(), 3, Some(0..3)));
        assert_eq!(read(single_quoted, "'a"), ("a".into(), 2, Some(0..2)));
    }
}
