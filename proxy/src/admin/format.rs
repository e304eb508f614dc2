//! In which of the two text forms metrics are told.

use std::fmt::Write as _;

use http::{HeaderMap, header::ACCEPT};

/// A text form of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    /// Prometheus's own, which is older.
    Prometheus,
}

impl Format {
    /// What a scraper asks for. Who does not say gets `OpenMetrics`.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let names = |kind: &str| {
            let mut accepted = headers.get_all(ACCEPT).iter();
            accepted.any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(kind)))
        };
        if names("text/plain") && !names("application/openmetrics-text") {
            Self::Prometheus
        } else {
            Self::OpenMetrics
        }
    }

    /// The content's type.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Text in the form of `OpenMetrics`, in this form.
    pub(super) fn of(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Prometheus => older(&text),
        }
    }
}

/// There, a counter is described under its whole name, and nothing marks the end.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|described| described.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(older, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(older, "# TYPE {name}{suffix} {kind}");
        } else if line != "# EOF" {
            older.push_str(line);
            older.push('\n');
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wanted(accept: &'static str) -> Format {
        Format::wanted(&HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static(accept),
        )]))
    }

    #[test]
    fn a_scraper_gets_what_it_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4";
        assert_eq!(wanted(prometheus), Format::OpenMetrics);
        assert_eq!(wanted("*/*"), Format::OpenMetrics);
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::OpenMetrics);
        assert_eq!(wanted("text/plain;version=0.0.4"), Format::Prometheus);
    }

    #[test]
    fn the_older_form_has_whole_names_and_no_end() {
        let text = "# HELP a A.\n# TYPE a counter\na_total{b=\"# EOF\"} 1\n# HELP c C.\n# TYPE c gauge\nc 2\n# EOF\n";
        let older = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"# EOF\"} 1\n# HELP c C.\n# TYPE c gauge\nc 2\n";
        assert_eq!(Format::Prometheus.of(text.to_owned()), older);
    }
}
