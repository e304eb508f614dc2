//! HTTP/2, many requests at a time on each connection.

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Uri, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Security, Target, dial};
use crate::certificate::HOST;

/// As many requests, over connections with so many streams each; with gRPC's headers, a message and trailers, or without.
pub async fn multiplexed(
    target: &Target,
    path: &str,
    grpc: bool,
    (connections, streams): (usize, usize),
    requests: usize,
) -> Result<()> {
    let scheme = match target.security {
        Security::Plain => "http",
        Security::Tls(_) => "https",
    };
    let uri: Uri = format!("{scheme}://{HOST}{path}").parse()?;
    let each = requests.div_ceil(connections * streams);
    let runs = (0..connections).map(|_| async {
        let socket = dial(target.address, &target.security).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(socket))
            .await?;
        let connection = tokio::spawn(connection);
        let streams = (0..streams).map(|_| {
            let (mut sender, uri) = (sender.clone(), uri.clone());
            async move {
                for _ in 0..each {
                    sender.ready().await?;
                    let response = sender.send_request(request(uri.clone(), grpc)?).await?;
                    ensure!(response.status() == 200, "answered {}", response.status());
                    let body = response.into_body().collect().await?;
                    ensure!(!grpc || body.trailers().is_some(), "no trailers");
                }
                Ok(())
            }
        });
        try_join_all(streams).await?;
        drop(sender);
        connection.abort();
        anyhow::Ok(())
    });
    try_join_all(runs).await.map(|_| ())
}

fn request(uri: Uri, grpc: bool) -> Result<Request<Full<Bytes>>> {
    let request = Request::builder().uri(uri);
    Ok(if grpc {
        request
            .method("POST")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Bytes::from_static(&[0; 100])))?
    } else {
        request.body(Full::default())?
    })
}
