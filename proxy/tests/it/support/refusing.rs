//! An address that refuses connections.

use std::{mem, net::SocketAddr};

use tokio::net::TcpSocket;

/// An address where nobody listens, nor will while the tests run: a port that was given back would soon be another test's.
pub fn refusing() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    mem::forget(socket);
    address
}
