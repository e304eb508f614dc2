//! Connecting to the first address that answers.

use std::{io, net::SocketAddr, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::{net::TcpStream, time::sleep};
use weir_model::document::{Address, Host};

use super::Resolver;

/// How long an address may take before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The name has no address; with the reason.
    Resolve(String),
    /// None of the addresses can be connected to.
    Connect(io::Error),
}

/// Connects to an address. Of a name's addresses several are tried, the families in turn (RFC 8305).
pub(crate) async fn dial(resolver: &Resolver, address: &Address) -> Result<TcpStream, DialError> {
    let port = address.port;
    let connected = match &address.host {
        Host::Ip(ip) => TcpStream::connect(SocketAddr::new(*ip, port)).await,
        Host::Name(name) => {
            let found = resolver.addresses(name).await.map_err(DialError::Resolve)?;
            let found = found.iter().map(|ip| SocketAddr::new(*ip, port));
            first(interleaved(found)).await
        }
    };
    connected.map_err(DialError::Connect)
}

/// The families in turn, beginning with the first one's.
fn interleaved(addresses: impl Iterator<Item = SocketAddr> + Clone) -> Vec<SocketAddr> {
    let v6 = addresses.clone().next().is_some_and(|first| first.is_ipv6());
    let mut first = addresses.clone().filter(|address| address.is_ipv6() == v6);
    let mut second = addresses.filter(|address| address.is_ipv6() != v6);
    let mut all = Vec::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return all;
        }
        all.extend(one.into_iter().chain(other));
    }
}

async fn first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut left = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    loop {
        attempts.extend(left.next().map(TcpStream::connect));
        let ended = tokio::select! {
            ended = attempts.next() => ended,
            () = sleep(HEAD_START), if left.len() > 0 => continue,
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = Some(error),
            None => return Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let turns = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(interleaved(mixed.into_iter()), turns);
        assert_eq!(interleaved(std::iter::empty()), []);
    }

    /// A socket that is bound and refuses, and one that answers.
    async fn refusing_and_answering() -> (TcpSocket, SocketAddr, TcpListener, SocketAddr) {
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let answering = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (refuses, answers) = (refusing.local_addr().unwrap(), answering.local_addr().unwrap());
        (refusing, refuses, answering, answers)
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_refuses() {
        let (_refusing, refuses, _answering, answers) = refusing_and_answering().await;
        let stream = first(vec![refuses, refuses, answers]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), answers);
        let error = first(vec![refuses]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(first(Vec::new()).await.is_err());
    }

    #[tokio::test]
    async fn the_next_address_is_tried_beside_one_that_is_silent() {
        let (_refusing, _, _answering, answers) = refusing_and_answering().await;
        // a queue that is full drops what comes
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(0).unwrap();
        let full = silent.local_addr().unwrap();
        let _filling = TcpStream::connect(full).await.unwrap();
        let stream = first(vec![full, answers]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), answers);
    }
}
