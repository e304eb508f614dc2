//! Making a connection to an endpoint.

use std::{io, rc::Rc, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};

use super::{Lease, connection::Connection, speak};
use crate::{
    dns::{DialError, dial},
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
    let stream = within(transport.dial_timeout, connected(worker, endpoint)).await??;
    speak::start(worker, endpoint, transport, stream, switches).await
}

async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Result<T, Failure> {
    match limit {
        Some(limit) => timeout(limit, future).await.map_err(|_| Failure::ConnectTimeout),
        None => Ok(future.await),
    }
}

async fn connected(worker: &Worker, endpoint: &Endpoint) -> Result<TcpStream, Failure> {
    let stream = dial(&worker.resolver, &endpoint.address).await;
    let stream = stream.map_err(|error| match error {
        DialError::Resolve(reason) => {
            tracing::debug!(endpoint = %endpoint.address, reason, "the name has no address");
            Failure::Resolve
        }
        DialError::Connect(error) if error.kind() == io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        DialError::Connect(_) => Failure::Connect,
    })?;
    // without these the connection works as well
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE));
    Ok(stream)
}
