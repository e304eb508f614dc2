//! The Common Log Format, with the fields that Traefik adds: the request's number, the router, the server's URL, and milliseconds.

use std::fmt::{self, Write};

use super::{Entry, Outcome, entry::protocol, escape::Common as Text};
use crate::timestamp;

/// Writes a line. Referrers and user agents are not logged, as no headers are.
pub(super) fn write(out: &mut impl Write, entry: &Entry, outcome: &Outcome<'_>) -> fmt::Result {
    let way = entry.way.borrow();
    let time = timestamp::Common(entry.started.into());
    let (host, method, path) = (entry.client.ip(), Text(&entry.method), Text(&entry.path));
    let (protocol, count) = (protocol(entry.version), entry.count);
    let Outcome {
        status, sent, took, ..
    } = outcome;
    write!(
        out,
        "{host} - - [{time}] \"{method} {path} {protocol}\" {status} {sent} \"-\" \"-\" {count} "
    )?;
    match &way.router {
        Some(router) => write!(out, "\"{}\" ", Text(router))?,
        None => out.write_str("\"-\" ")?,
    }
    if way.service.is_some() {
        write!(out, "\"{}://{}\" ", way.scheme, Text(&way.address))?;
    } else {
        out.write_str("\"-\" ")?;
    }
    writeln!(out, "{}ms", took.as_millis())
}
