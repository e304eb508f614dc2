//! Asks a proxy what it serves, at its admin port.

use std::{collections::BTreeMap, fmt::Display, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpStream, time::timeout};

use super::schedule::Answer;

/// For everything.
const LIMIT: Duration = Duration::from_secs(2);
/// Bytes of an answer; one has a few KiB.
const MAX_BYTES: usize = 1 << 20;

/// What a proxy at this address says; or why nothing is known.
pub(super) async fn ask(address: SocketAddr) -> Result<Answer, String> {
    match timeout(LIMIT, get(address)).await {
        Ok(Ok(body)) => read(&body),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("it does not answer within {LIMIT:?}")),
    }
}

async fn get(address: SocketAddr) -> Result<Bytes, String> {
    let stream = TcpStream::connect(address).await.map_err(text)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let request = Request::get("/config")
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(text)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(text)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        Ok(body.map_err(text)?.to_bytes())
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        body = &mut exchange => body,
        // the connection may end with the answer, which then is complete
        _ = connection => exchange.await,
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// The part of `/config` that matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    in_sync: bool,
    #[serde(default)]
    last_rejection: Option<Rejection>,
    loaded: Option<Loaded>,
    #[serde(default)]
    waiting_for: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Loaded {
    digests: BTreeMap<String, String>,
    revision: u64,
}

#[derive(Debug, Deserialize)]
struct Rejection {
    digests: BTreeMap<String, String>,
    message: String,
}

fn read(body: &[u8]) -> Result<Answer, String> {
    let shown: Shown =
        serde_json::from_slice(body).map_err(|error| format!("its answer cannot be read: {error}"))?;
    // the last rejection stays in view when it is mended, and while what mends it is held back
    let refuses = !shown.in_sync && shown.waiting_for.is_empty();
    let rejection = shown.last_rejection.filter(|_| refuses);
    let (revision, digests) = match shown.loaded {
        Some(loaded) => (Some(loaded.revision), loaded.digests),
        None => (None, BTreeMap::new()),
    };
    Ok(Answer {
        revision,
        digests,
        rejection: rejection.map(|rejection| (rejection.message, rejection.digests)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// As a proxy shows it.
    fn shown(in_sync: bool, waiting_for: &[&str]) -> Value {
        json!({
            "inSync": in_sync,
            "lastRejection": { "at": "2026-01-01T00:00:00Z", "code": "schema", "digests": { "config": "b" }, "message": "unknown schema 9" },
            "loaded": {
                "absent": [], "at": "2026-01-01T00:00:00Z", "digests": { "config": "a" },
                "revision": 7, "routes": 1, "unknownEntryPoints": [],
            },
            "version": "0.1.0",
            "waitingFor": waiting_for,
        })
    }

    fn answer(shown: &Value) -> Answer {
        read(shown.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_served_and_refused_is_read() {
        let answer = answer(&shown(false, &[]));
        assert_eq!(answer.revision, Some(7));
        assert_eq!(answer.digests["config"], "a");
        let (why, found) = answer.rejection.unwrap();
        assert_eq!(
            (why.as_str(), found["config"].as_str()),
            ("unknown schema 9", "b")
        );
    }

    #[test]
    fn a_rejection_that_is_over_is_none() {
        assert_eq!(answer(&shown(true, &[])).rejection, None);
        assert_eq!(answer(&shown(false, &["apps/a:80"])).rejection, None);
    }

    #[test]
    fn a_proxy_that_has_loaded_nothing_serves_nothing() {
        let empty = json!({ "inSync": false, "lastRejection": null, "loaded": null, "version": "0.1.0", "waitingFor": [] });
        assert_eq!(answer(&empty), Answer::default());
    }

    async fn served(response: String) -> Result<Answer, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let n = stream.read(&mut request).await.unwrap();
            assert!(request[..n].starts_with(b"GET /config HTTP/1.1\r\n"));
            stream.write_all(response.as_bytes()).await.unwrap();
        });
        let answer = ask(address).await;
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn an_answer_counts_though_the_connection_ends_with_it() {
        let body = shown(true, &[]).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        assert_eq!(served(head + &body).await.unwrap().revision, Some(7));
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_told() {
        let error = served("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into()).await;
        assert_eq!(error, Err("it answers 404 Not Found".into()));
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(ask(address).await.is_err());
    }
}
