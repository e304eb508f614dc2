//! Values that appear in several places.

use weir_model::{
    crd::IntOrString,
    document::{Port, Scheme},
    duration::GoDuration,
};

use super::{Place, Sink};
use crate::compile::finding::{Code, did_you_mean};

/// Words that `written` may have been meant to be.
pub(super) fn one_of(written: &str, words: &[&str]) -> String {
    let same = words
        .iter()
        .copied()
        .find(|word| word.eq_ignore_ascii_case(written));
    match same.or_else(|| did_you_mean(&written.to_ascii_lowercase(), words.iter().copied())) {
        Some(word) => format!("did you mean {word:?}?"),
        None => format!("write one of {}", words.join(", ")),
    }
}

impl Sink<'_> {
    /// A duration: a Go duration, or a number of seconds, also in quotes.
    pub(super) fn duration(&mut self, field: &Place<'_>, written: &IntOrString) -> Option<GoDuration> {
        let parsed = match written {
            IntOrString::Int(seconds) => Ok(GoDuration::from_secs(*seconds)),
            IntOrString::String(text) => match text.parse::<i64>() {
                Ok(seconds) => Ok(GoDuration::from_secs(seconds)),
                Err(_) => text.parse::<GoDuration>(),
            },
        };
        parsed
            .map_err(|error| self.add(field, Code::InvalidDuration, error.to_string(), None))
            .ok()
    }

    /// A duration above zero.
    pub(super) fn positive_duration(
        &mut self,
        field: &Place<'_>,
        written: &IntOrString,
    ) -> Option<GoDuration> {
        let duration = self.duration(field, written)?;
        if duration.nanos() > 0 {
            return Some(duration);
        }
        self.add(
            field,
            Code::InvalidDuration,
            format!("{duration} is not above zero"),
            None,
        );
        None
    }

    /// How long response bytes may wait: a Go duration or, as a bare number, milliseconds.
    pub(super) fn flush_interval(&mut self, field: &Place<'_>, text: &str) -> Option<GoDuration> {
        if text.is_empty() {
            return Some(DEFAULT_FLUSH_INTERVAL);
        }
        if let Ok(ms) = text.parse::<i64>() {
            return Some(GoDuration::from_millis(ms));
        }
        text.parse()
            .map_err(|error: weir_model::duration::DurationError| {
                self.add(
                    field,
                    Code::InvalidDuration,
                    error.to_string(),
                    "a bare number is milliseconds; a negative one sends each part at once".to_owned(),
                );
            })
            .ok()
    }

    /// A scheme; nothing when left out or wrong.
    pub(super) fn scheme(&mut self, field: &Place<'_>, text: Option<&str>) -> Option<Scheme> {
        match text? {
            "" => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            "h2c" => Some(Scheme::H2c),
            other => {
                let help = one_of(other, &["http", "https", "h2c"]);
                self.add(
                    field,
                    Code::InvalidScheme,
                    format!("the scheme {other:?} does not exist"),
                    help,
                );
                None
            }
        }
    }

    /// A port of a Service; nothing when left out or wrong. 0 and an empty text are as left out.
    pub(super) fn service_port(&mut self, field: &Place<'_>, port: Option<&IntOrString>) -> Option<Port> {
        match port? {
            IntOrString::Int(0) => None,
            IntOrString::String(name) if name.is_empty() => None,
            IntOrString::Int(number) => self.port_number(field, *number).map(Port::Number),
            IntOrString::String(name) if name.len() <= 63 => Some(Port::Name(name.clone())),
            IntOrString::String(name) => {
                let message = format!("a port's name has at most 63 bytes, this one {}", name.len());
                self.add(field, Code::InvalidPort, message, None);
                None
            }
        }
    }

    /// A port number, 1 to 65535.
    pub(super) fn port_number(&mut self, field: &Place<'_>, number: i64) -> Option<u16> {
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        if port.is_none() {
            self.add(
                field,
                Code::InvalidPort,
                format!("port {number} is outside 1 to 65535"),
                None,
            );
        }
        port
    }
}

/// Traefik's default.
pub(super) const DEFAULT_FLUSH_INTERVAL: GoDuration = GoDuration::from_millis(100);
