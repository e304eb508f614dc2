//! The last compilation as a drawing, the same that `weir-operator graph` makes of manifests.

use std::sync::Arc;

use clap::ValueEnum as _;
use http::StatusCode;
use tokio::sync::{Mutex, watch};

use super::pages::{Page, text};
use crate::{
    cluster::engine::Compiled,
    compile::{Options, view::view},
    render::graph::{Format, write},
};

/// Draws what was compiled last.
#[derive(Debug)]
pub(super) struct Drawing {
    compiled: watch::Receiver<Option<Arc<Compiled>>>,
    options: Arc<Options>,
    /// A drawing of thousands of objects takes some time and room: one after another.
    turn: Mutex<()>,
}

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    format: Format,
    /// The object that everything starts from.
    name: Option<String>,
}

impl Query {
    fn read(query: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=').unwrap_or((part, "")) {
                ("output", format) => {
                    read.format = Format::from_str(format, false)
                        .map_err(|_| format!("output is mermaid, dot or json, not {format:?}"))?;
                }
                // of all that a name can have, only the slash is ever written in another way
                ("name", name) => read.name = Some(name.replace("%2F", "/").replace("%2f", "/")),
                (other, _) => {
                    return Err(format!("there is no parameter {other:?}, only output and name"));
                }
            }
        }
        Ok(read)
    }
}

impl Drawing {
    pub fn new(compiled: watch::Receiver<Option<Arc<Compiled>>>, options: Options) -> Self {
        Self {
            compiled,
            options: Arc::new(options),
            turn: Mutex::new(()),
        }
    }

    /// Draws what a URL's query asks for.
    pub async fn draw(&self, query: &str) -> Page {
        let query = match Query::read(query) {
            Ok(query) => query,
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        };
        let _turn = self.turn.lock().await;
        let Some(compiled) = self.compiled.borrow().clone() else {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing is compiled yet: see /readyz\n",
            );
        };
        let options = self.options.clone();
        let drawn = tokio::task::spawn_blocking(move || drawn(&compiled, &options, &query)).await;
        drawn.unwrap_or_else(|error| text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")))
    }
}

fn drawn(compiled: &Compiled, options: &Options, query: &Query) -> Page {
    let mut view = view(&compiled.snapshot, options, &compiled.compilation);
    if let Some(name) = &query.name {
        view = match view.below(name) {
            Ok(below) => below,
            Err(error) => return text(StatusCode::NOT_FOUND, format!("{error}\n")),
        };
    }
    let mut out = Vec::new();
    if let Err(error) = write(&mut out, &view, query.format) {
        return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"));
    }
    let kind = match query.format {
        Format::Mermaid => "text/plain; charset=utf-8",
        Format::Dot => "text/vnd.graphviz; charset=utf-8",
        Format::Json => "application/json",
    };
    // whoever draws writes texts
    (StatusCode::OK, kind, String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use tokio::time::Instant;
    use weir_model::document::Config;

    use super::*;
    use crate::status::testing::{made, service, weighted};

    fn drawing() -> Drawing {
        let objects = [
            service("s1"),
            weighted("a", 1, &["s1"]),
            weighted("b", 1, &["s1"]),
        ];
        let made = made(&objects, &Config::default());
        let compiled = Compiled {
            compilation: made.compilation,
            snapshot: Arc::new(made.snapshot),
            previous: Arc::default(),
            changes: 1,
            changed_at: Instant::now(),
            duration: Duration::ZERO,
        };
        let (_, compiled) = watch::channel(Some(Arc::new(compiled)));
        Drawing::new(compiled, Options::default())
    }

    #[tokio::test]
    async fn what_was_compiled_last_is_drawn_in_each_language() {
        let drawing = drawing();
        let (status, kind, mermaid) = drawing.draw("").await;
        assert_eq!((status, kind), (StatusCode::OK, "text/plain; charset=utf-8"));
        assert!(
            mermaid.starts_with("flowchart LR") && mermaid.contains("apps/b"),
            "{mermaid}"
        );
        let (_, _, dot) = drawing.draw("output=dot").await;
        assert!(dot.starts_with("digraph"), "{dot}");
        let (_, kind, json) = drawing.draw("output=json").await;
        assert_eq!(kind, "application/json");
        assert!(serde_json::from_str::<Value>(&json).is_ok());
    }

    #[tokio::test]
    async fn one_object_is_drawn_alone() {
        for query in ["name=apps/a", "name=apps%2Fa&output=mermaid", "name=a"] {
            let (_, _, mermaid) = drawing().draw(query).await;
            assert!(
                mermaid.contains("apps/a") && !mermaid.contains("apps/b"),
                "{query}: {mermaid}"
            );
        }
        assert_eq!(drawing().draw("name=apps/c").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn what_cannot_be_drawn_is_told() {
        for query in ["output=png", "output", "format=json"] {
            assert_eq!(drawing().draw(query).await.0, StatusCode::BAD_REQUEST, "{query}");
        }
        let (_, nothing) = watch::channel(None);
        let drawing = Drawing::new(nothing, Options::default());
        assert_eq!(drawing.draw("").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
