//! An object a line, with the names that Traefik's log has. Durations are nanoseconds.

use std::fmt::{self, Display, Write};

use super::{Entry, Outcome, entry::protocol, escape::Json as Text};
use crate::timestamp::Utc;

/// The members of an object.
struct Members<'a, W> {
    out: &'a mut W,
    first: bool,
}

impl<W: Write> Members<'_, W> {
    fn name(&mut self, name: &str) -> fmt::Result {
        let before = if std::mem::take(&mut self.first) { '{' } else { ',' };
        write!(self.out, "{before}\"{name}\":")
    }

    fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        self.name(name)?;
        write!(self.out, "\"{}\"", Text(value))
    }

    /// What has nothing in it that would have to be escaped.
    fn plain(&mut self, name: &str, value: impl Display) -> fmt::Result {
        self.name(name)?;
        write!(self.out, "\"{value}\"")
    }

    fn number(&mut self, name: &str, value: impl Display) -> fmt::Result {
        self.name(name)?;
        write!(self.out, "{value}")
    }
}

/// Writes a line.
pub(super) fn write(out: &mut impl Write, entry: &Entry, outcome: &Outcome<'_>) -> fmt::Result {
    let way = entry.way.borrow();
    let time = Utc::from(entry.started);
    let (host, port) = host_and_port(&entry.host);
    let took = outcome.took;
    // from when it was sent to the response's end: what is left is ours
    let origin = way.sent_after.map(|after| took.saturating_sub(after));
    let mut line = Members { out, first: true };
    line.plain("ClientAddr", entry.client)?;
    line.plain("ClientHost", entry.client.ip())?;
    line.plain("ClientPort", entry.client.port())?;
    line.text("ClientUsername", "-")?;
    line.number("DownstreamContentSize", outcome.sent)?;
    line.number("DownstreamStatus", outcome.status)?;
    line.number("Duration", took.as_nanos())?;
    if let Some(failure) = way.failure {
        line.text("FailureReason", failure.reason())?;
    }
    if outcome.answered {
        line.number("OriginContentSize", outcome.sent)?;
        line.number("OriginStatus", outcome.status)?;
    }
    if let Some(origin) = origin {
        line.number("OriginDuration", origin.as_nanos())?;
    }
    line.number(
        "Overhead",
        took.saturating_sub(origin.unwrap_or_default()).as_nanos(),
    )?;
    line.text("RequestAddr", &entry.host)?;
    line.number("RequestContentSize", outcome.received)?;
    line.number("RequestCount", entry.count)?;
    line.text("RequestHost", host)?;
    line.text("RequestMethod", &entry.method)?;
    line.text("RequestPath", &entry.path)?;
    line.text("RequestPort", port)?;
    line.text("RequestProtocol", protocol(entry.version))?;
    line.text("RequestScheme", if outcome.secure { "https" } else { "http" })?;
    line.number("RetryAttempts", way.attempts.saturating_sub(1))?;
    if let Some(router) = &way.router {
        line.text("RouterName", router)?;
    }
    if let Some(service) = &way.service {
        line.text("ServiceAddr", &way.address)?;
        line.text("ServiceName", service)?;
        line.name("ServiceURL")?;
        write!(line.out, "\"{}://{}\"", way.scheme, Text(&way.address))?;
    }
    line.plain("StartUTC", format_args!("{time:.9}"))?;
    line.text("entryPointName", outcome.entry_point)?;
    line.text("level", "info")?;
    line.text("msg", "")?;
    line.plain("time", time)?;
    writeln!(line.out, "}}")
}

/// A host and its port, `-` where there is none, as Traefik takes them apart.
fn host_and_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((host, port)) if host.starts_with('[') && host.ends_with(']') => {
            (&host[1..host.len() - 1], port)
        }
        Some((name, port)) if !name.contains(':') => (name, port),
        _ => (host, "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_apart() {
        for (host, parts) in [
            ("a", ("a", "-")),
            ("a:80", ("a", "80")),
            ("[::1]:80", ("::1", "80")),
            ("[::1]", ("[::1]", "-")),
            ("::1", ("::1", "-")),
            ("", ("", "-")),
        ] {
            assert_eq!(host_and_port(host), parts);
        }
    }
}
