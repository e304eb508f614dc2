//! Reads YAML, by a parser that shares nothing with what wrote it.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The value of the only document of `text`.
pub(super) fn read(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    assert!(matches!(events.next(), Some(Event::StreamStart)));
    assert!(matches!(events.next(), Some(Event::DocumentStart(true))));
    let first = events.next().unwrap();
    let value = read_node(first, &mut events);
    assert!(matches!(events.next(), Some(Event::DocumentEnd)));
    assert!(matches!(events.next(), Some(Event::StreamEnd)));
    value
}

fn read_node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::from(&*text))
        }
        Event::Scalar(text, ..) => Value::from(&*text),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return Value::Array(items),
                    event => items.push(read_node(event, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                let key = match events.next().unwrap() {
                    Event::MappingEnd => return Value::Object(map),
                    Event::Scalar(key, ..) => key.into_owned(),
                    event => panic!("unexpected key {event:?}"),
                };
                let value = events.next().unwrap();
                assert!(map.insert(key, read_node(value, events)).is_none());
            }
        }
        event => panic!("unexpected {event:?}"),
    }
}
