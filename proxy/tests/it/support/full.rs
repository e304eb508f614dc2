//! A server that lets nobody in.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

/// A full accept queue: the kernel drops what else wants to connect, as it does for a pod that is gone.
pub struct Full {
    pub address: SocketAddr,
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        Self {
            address,
            listener,
            _waiting: waiting,
        }
    }

    /// Its socket, for who begins to accept. Those who have waited from the start are gone.
    pub fn open(self) -> TcpListener {
        self.listener
    }
}
