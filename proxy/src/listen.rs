//! Listening sockets.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait in a listener's queue.
const BACKLOG: i32 = 4096;

/// Where a socket listens that has its address to itself, and the socket.
pub(crate) fn alone(address: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    listening(address, false)
}

/// Where so many sockets listen, and the sockets: the kernel spreads connections over them.
pub(crate) fn shared(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // one that shares would not notice that another process has the port, if that shares as well
    if address.port() != 0 {
        alone(address)?;
    }
    // the first one settles the port, if the system is to choose it: one that nobody has
    let (address, first) = listening(address, true)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(listening(address, true)?.1);
    }
    Ok((address, sockets))
}

fn listening(address: SocketAddr, shared: bool) -> io::Result<(SocketAddr, TcpListener)> {
    let socket = match bound(address, shared) {
        // where IPv6 is switched off, "all addresses" are those of IPv4
        Err(error) if address.ip().is_unspecified() && error.kind() != io::ErrorKind::AddrInUse => {
            bound((Ipv4Addr::UNSPECIFIED, address.port()).into(), shared).map_err(|_| error)?
        }
        other => other?,
    };
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    Ok((listener.local_addr()?, listener))
}

fn bound(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // `:8000` means IPv4 as well
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    fn is_taken<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    }

    #[test]
    fn many_share_one_address_and_nobody_else_gets_it() {
        let (address, sockets) = shared(local(), 3).unwrap();
        assert!(
            sockets
                .iter()
                .all(|socket| socket.local_addr().unwrap() == address)
        );
        assert!(is_taken(shared(address, 1)) && is_taken(alone(address)));
        drop(sockets);
        assert!(shared(address, 2).is_ok());
    }

    #[test]
    fn one_that_listens_alone_shares_with_nobody() {
        let (address, _socket) = alone(local()).unwrap();
        assert!(is_taken(shared(address, 1)) && is_taken(alone(address)));
    }
}
