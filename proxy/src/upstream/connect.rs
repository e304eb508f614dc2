//! Making a connection to an endpoint.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};
use weir_model::document::{Address, Host};

use super::{Lease, connection::Connection, socket::Socket, speak};
use crate::{
    error::Failure,
    state::{Endpoint, Transport},
    worker::Worker,
};

/// How long a connection is silent before the kernel asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Connects to an endpoint, and tells it how that went. `switches` is for a request that asks to leave HTTP.
pub(super) async fn connect(
    worker: &Rc<Worker>,
    endpoint: &Arc<Endpoint>,
    transport: &Transport,
    switches: bool,
) -> Result<Lease, Failure> {
    let making = if switches {
        None
    } else {
        worker.upstreams.making(endpoint)
    };
    let _alone = match &making {
        None => None,
        Some(making) => Some(within(transport.dial_timeout, making.lock()).await?),
    };
    // made meanwhile by who was first
    if making.is_some()
        && let Some(lease) = Lease::from_pool(worker, endpoint, false)
    {
        return Ok(lease);
    }
    match Box::pin(make(worker, endpoint, transport, switches)).await {
        Ok(connection) => {
            endpoint.record_success();
            Ok(Lease::new(worker, connection))
        }
        Err(failure) => {
            endpoint.record_failure(worker.clock.exact_millis());
            Err(failure)
        }
    }
}

async fn make(
    worker: &Rc<Worker>,
    endpoint: &Arc<Endpoint>,
    transport: &Transport,
    switches: bool,
) -> Result<Connection, Failure> {
    let stream = within(transport.dial_timeout, dial(&endpoint.address)).await??;
    speak::start(worker, endpoint, transport, Socket::new(stream), switches).await
}

async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Result<T, Failure> {
    match limit {
        Some(limit) => timeout(limit, future).await.map_err(|_| Failure::ConnectTimeout),
        None => Ok(future.await),
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
