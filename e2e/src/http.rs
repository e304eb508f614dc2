//! A client for one request at a time, on hyper's connections.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Opens a connection. A task of the current runtime drives it and ends with it.
pub async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // how it ended is seen by whoever sends next
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Sends a request and reads the whole answer.
pub async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<(StatusCode, Bytes)> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// `GET` on a connection of its own.
pub async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes)> {
    get_from(address, &address.to_string(), path).await
}

/// `GET` with this `Host` on a connection of its own.
pub async fn get_from(address: SocketAddr, host: &str, path: &str) -> Result<(StatusCode, Bytes)> {
    let request = Request::get(path).header("host", host).body(Full::default())?;
    Ok(exchange(&mut connect(address).await?, request).await?)
}

/// `PUT` on a connection of its own.
pub async fn put(address: SocketAddr, path: &str, body: &str) -> Result<(StatusCode, Bytes)> {
    let request = Request::put(path)
        .header("host", address.to_string())
        .body(Full::from(body.to_owned()))?;
    Ok(exchange(&mut connect(address).await?, request).await?)
}
