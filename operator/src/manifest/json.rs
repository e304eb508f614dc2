//! Reads JSON documents. YAML would read them too, but must look at the whole document before it tells of its first
//! bracket, which takes many times the memory and the time.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::Limits;
use super::builder::{Builder, Collection};
use super::document::Document;
use super::problem::Problem;
use super::scalar::normalised;
use super::source::Bytes;

/// Reads the JSON values that stand one after the other in `text`, which starts at byte `base` of the file.
pub(super) fn read(
    text: &str,
    base: usize,
    limits: &Limits,
    documents: &mut Vec<Document>,
) -> Result<(), Problem> {
    let mut reader = Reader { text, base, at: 0 };
    loop {
        reader.skip_blanks();
        if reader.at == text.len() {
            return Ok(());
        }
        let mut builder = Builder::new(limits);
        reader.value(&mut builder)?;
        documents.push(Document::from(builder));
    }
}

struct Reader<'t> {
    text: &'t str,
    base: usize,
    at: usize,
}

/// What may come next inside a list or mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Right behind the opening bracket: an item or the end.
    FirstOrEnd,
    /// Behind a comma.
    Item,
    /// Behind an item.
    CommaOrEnd,
}

impl<'t> Reader<'t> {
    /// One whole value, without recursion: `open` holds the brackets that wait for their end.
    fn value(&mut self, builder: &mut Builder<'_>) -> Result<(), Problem> {
        let mut open = Vec::new();
        let mut next = self.start_value(builder, &mut open)?;
        while let Some(&closing) = open.last() {
            self.skip_blanks();
            match (self.peek(), next) {
                (Some(byte), Next::FirstOrEnd | Next::CommaOrEnd) if byte == closing => {
                    self.at += 1;
                    open.pop();
                    builder.close(Some((self.base + self.at) as u32))?;
                    next = Next::CommaOrEnd;
                }
                (Some(b','), Next::CommaOrEnd) => {
                    self.at += 1;
                    next = Next::Item;
                }
                (_, Next::CommaOrEnd) => {
                    return Err(self.unexpected(if closing == b'}' {
                        "`,` or `}`"
                    } else {
                        "`,` or `]`"
                    }));
                }
                (_, Next::FirstOrEnd | Next::Item) => {
                    if closing == b'}' {
                        self.key(builder)?;
                    }
                    next = self.start_value(builder, &mut open)?;
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, builder: &mut Builder<'_>) -> Result<(), Problem> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let start = self.at;
        let name = self.string()?.into_owned();
        builder.scalar(Value::String(name), self.since(start), 0)?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    /// A scalar, or the opening bracket of something larger.
    fn start_value(&mut self, builder: &mut Builder<'_>, open: &mut Vec<u8>) -> Result<Next, Problem> {
        self.skip_blanks();
        let start = self.at;
        let value = match self.peek() {
            Some(byte @ (b'{' | b'[')) => {
                self.at += 1;
                let (collection, closing) = match byte {
                    b'{' => (Collection::Mapping, b'}'),
                    _ => (Collection::List, b']'),
                };
                builder.open(collection, self.since(start), 0)?;
                open.push(closing);
                return Ok(Next::FirstOrEnd);
            }
            Some(b'"') => Value::String(self.string()?.into_owned()),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            _ => self.word()?,
        };
        builder.scalar(value, self.since(start), 0)?;
        Ok(Next::CommaOrEnd)
    }

    fn word(&mut self) -> Result<Value, Problem> {
        let rest = self.rest();
        for (word, value) in [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Result<Number, Problem> {
        let start = self.at;
        let rest = self.rest();
        let length = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        self.at += length;
        // the JSON grammar of numbers is stricter than Rust's: serde_json knows it
        let number: Option<Number> = rest.get(..length).and_then(|digits| digits.parse().ok());
        number
            .and_then(|number| match number.as_f64() {
                Some(float) if number.is_f64() => normalised(float),
                _ => Some(number),
            })
            .ok_or_else(|| Problem::new(self.since(start), "not a number"))
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Problem> {
        let start = self.at;
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let plain = rest.find(['"', '\\', '\n']).unwrap_or(rest.len());
            text += rest.get(..plain).unwrap_or_default();
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.to_mut().push(self.escape()?),
                _ => {
                    let quote = Bytes::new(self.base + start, self.base + start + 1);
                    return Err(Problem::new(
                        quote,
                        "the quote that opens here is not closed on its line",
                    ));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let start = self.at;
        let letter = self.text.as_bytes().get(start + 1).copied();
        self.at += 2;
        Ok(match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex(start)?;
                if !(0xD800..0xDC00).contains(&high) {
                    return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                // half of a surrogate pair: without the other half it is no character
                let behind = self.at;
                if self.rest().starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex(behind)?;
                    if (0xDC00..0xE000).contains(&low) {
                        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = behind;
                }
                char::REPLACEMENT_CHARACTER
            }
            _ => {
                self.at = self.text.ceil_char_boundary(self.at);
                return Err(Problem::new(self.since(start), "JSON knows no such escape")
                    .help("write a backslash as `\\\\`"));
            }
        })
    }

    /// The four hexadecimal digits of the escape that starts at `start`.
    fn hex(&mut self, start: usize) -> Result<u32, Problem> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(Problem::new(
                self.since(start),
                "`\\u` needs four hexadecimal digits",
            )),
        }
    }

    fn unexpected(&self, expected: &str) -> Problem {
        let end = self.text.ceil_char_boundary(self.at + 1);
        let at = Bytes::new(self.base + self.at, self.base + end);
        match self.rest().chars().next() {
            Some(found) => Problem::new(
                at,
                format!("expected {expected}, found `{}`", found.escape_debug()),
            ),
            None => Problem::new(at, format!("expected {expected}, found the end of the document")),
        }
    }

    fn since(&self, start: usize) -> Bytes {
        Bytes::new(self.base + start, self.base + self.at.min(self.text.len()))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}
