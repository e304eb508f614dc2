//! Making a connection to an endpoint.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, task::spawn_local, time::timeout};
use weir_model::document::{Address, Host};

use super::{
    connection::{Connection, Lease},
    socket::Socket,
};
use crate::{
    error::Failure,
    state::{Endpoint, Transport},
    worker::Worker,
};

/// How long a connection is silent before the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Connects to an endpoint, and tells it how that went.
pub(super) async fn connect(
    worker: &Rc<Worker>,
    endpoint: &Arc<Endpoint>,
    transport: &Transport,
    limit: Option<Duration>,
) -> Result<Lease, Failure> {
    let dialling = dial(&endpoint.address);
    let dialled = match limit {
        Some(limit) => timeout(limit, dialling)
            .await
            .unwrap_or(Err(Failure::ConnectTimeout)),
        None => dialling.await,
    };
    match dialled {
        Ok(stream) => {
            endpoint.record_success();
            start(worker, endpoint, transport, stream).await
        }
        Err(failure) => {
            endpoint.record_failure(worker.clock.exact_millis());
            Err(failure)
        }
    }
}

async fn dial(address: &Address) -> Result<TcpStream, Failure> {
    let stream = match &address.host {
        Host::Ip(ip) => TcpStream::connect(SocketAddr::new(*ip, address.port)).await,
        Host::Name(name) => {
            let found = tokio::net::lookup_host((name.as_str(), address.port)).await;
            first(found.map_err(|_| Failure::Resolve)?).await?
        }
    };
    let stream = stream.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        _ => Failure::Connect,
    })?;
    // without these the connection works as well
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE));
    Ok(stream)
}

/// Connects to the first of the addresses that lets us.
async fn first(addresses: impl Iterator<Item = SocketAddr>) -> Result<io::Result<TcpStream>, Failure> {
    let mut last = Err(Failure::Resolve);
    for address in addresses {
        let connected = TcpStream::connect(address).await;
        if connected.is_ok() {
            return Ok(connected);
        }
        last = Ok(connected);
    }
    last
}

/// Starts HTTP on a connection. Its task ends with the connection.
async fn start(
    worker: &Rc<Worker>,
    endpoint: &Arc<Endpoint>,
    transport: &Transport,
    stream: TcpStream,
) -> Result<Lease, Failure> {
    let socket = Socket::new(stream);
    let io = TokioIo::new(socket.clone());
    let handshake = worker.upstreams.client.handshake(io).await;
    let (sender, connection) = handshake.map_err(|_| Failure::Broken)?;
    let lease = Lease::new(
        worker,
        Connection::new(worker, endpoint, transport, sender, socket),
    );
    let (worker, endpoint) = (worker.clone(), endpoint.id);
    worker.metrics.dialled.inc();
    worker.metrics.upstream_open.inc();
    spawn_local(async move {
        // who sent the request hears of errors
        let _ = connection.await;
        worker.metrics.upstream_open.dec();
        worker.upstreams.forget_closed(endpoint, &worker.metrics);
    });
    Ok(lease)
}
