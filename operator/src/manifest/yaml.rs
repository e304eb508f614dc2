//! Reads YAML documents: the events of the scanner, with their places in bytes.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag as SourceTag};

use super::Limits;
use super::builder::{Builder, Collection};
use super::document::Document;
use super::explain::explain;
use super::input::{Allowance, LimitedInput};
use super::problem::Problem;
use super::scalar::{Tag, resolve};
use super::source::Bytes;

/// Reads the YAML documents in `text`, which starts at byte `base` of the file. Those before an error are kept.
pub(super) fn read(
    text: &str,
    base: usize,
    limits: &Limits,
    documents: &mut Vec<Document>,
) -> Result<(), Problem> {
    let allowance = Allowance::new(limits.max_lookahead);
    let mut places = Places::new(text, base);
    let mut builder = Builder::new(limits);
    for event in Parser::new(LimitedInput::new(text, allowance.clone())) {
        if allowance.is_used_up() {
            return Err(Problem::new(
                places.here(),
                format!(
                    "a single value or bracket goes on for more than {} characters",
                    limits.max_lookahead
                ),
            ));
        }
        allowance.renew();
        let (event, span) = event.map_err(|error| {
            let at = places.byte(error.marker().index());
            explain(text, base, at, error.info())
        })?;
        let at = places.bytes(&span);
        match event {
            Event::DocumentStart(_) => builder = Builder::new(limits),
            Event::DocumentEnd => {
                documents.push(Document::from(std::mem::replace(
                    &mut builder,
                    Builder::new(limits),
                )));
            }
            Event::Alias(anchor) => builder.alias(anchor, at)?,
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().map_or(Tag::None, kind_of);
                let merges = plain && text == "<<" && tag == Tag::None || tag == Tag::Core("merge");
                if merges && builder.expects_key() {
                    builder.merge_key(at);
                } else {
                    let value = resolve(&text, plain, tag).map_err(|error| Problem::new(at, error.0))?;
                    builder.scalar(value, at, anchor)?;
                }
            }
            Event::SequenceStart(anchor, _) => builder.open(Collection::List, at, anchor)?,
            Event::MappingStart(anchor, _) => builder.open(Collection::Mapping, at, anchor)?,
            // only a closing bracket has a width, and the blanks behind it count towards that
            Event::SequenceEnd | Event::MappingEnd => {
                builder.close((!at.is_empty()).then_some(at.start + 1))?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
    }
    Ok(())
}

fn kind_of(tag: &SourceTag) -> Tag<'_> {
    const CORE: &str = "tag:yaml.org,2002:";
    match tag.suffix.strip_prefix(CORE) {
        Some(verbatim) if tag.handle.is_empty() => Tag::Core(verbatim),
        _ if tag.handle == CORE => Tag::Core(&tag.suffix),
        _ => Tag::Other,
    }
}

/// Turns the scanner's places, counted in characters, into bytes. They nearly always move forward, so the last one is
/// where the search for the next begins.
struct Places<'t> {
    text: &'t str,
    base: usize,
    ascii: bool,
    characters: usize,
    bytes: usize,
}

impl<'t> Places<'t> {
    fn new(text: &'t str, base: usize) -> Self {
        Self {
            text,
            base,
            ascii: text.is_ascii(),
            characters: 0,
            bytes: 0,
        }
    }

    /// The byte at which this character starts, counted in the document.
    fn byte(&mut self, character: usize) -> usize {
        if self.ascii {
            self.bytes = character.min(self.text.len());
            return self.bytes;
        }
        let (before, behind) = self.text.split_at(self.bytes);
        if character >= self.characters {
            let steps = character - self.characters;
            self.bytes += behind.chars().take(steps).map(char::len_utf8).sum::<usize>();
        } else {
            let steps = self.characters - character;
            self.bytes -= before
                .chars()
                .rev()
                .take(steps)
                .map(char::len_utf8)
                .sum::<usize>();
        }
        self.characters = character;
        self.bytes
    }

    /// Without the blanks and line breaks that the scanner counts to the end of block scalars and brackets.
    fn bytes(&mut self, span: &saphyr_parser::Span) -> Bytes {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        let written = self.text.get(start..end).map_or(0, |text| text.trim_end().len());
        Bytes::new(self.base + start, self.base + start + written)
    }

    fn here(&self) -> Bytes {
        Bytes::new(self.base + self.bytes, self.base + self.bytes)
    }
}
