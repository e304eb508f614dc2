//! Connections to upstreams that may leave HTTP: each is made for the one request that asks for it, and speaks HTTP/1.1,
//! whatever others to its endpoint do. (HTTP/2 has no such thing but for who agrees on it beforehand.)

use std::{fmt, rc::Rc};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::oneshot,
    task::spawn_local,
};

use super::{
    connection::{About, Connection, Exclusive},
    socket::Socket,
    speak::Open,
};
use crate::{error::Failure, worker::Worker};

/// Both ways of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// A connection that has left HTTP.
pub(crate) struct Switched {
    pub(crate) io: Box<dyn Duplex>,
    /// What came with the answer that agreed to it.
    pub(crate) first: Bytes,
    _open: Open,
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switched")
            .field("first", &self.first.len())
            .finish_non_exhaustive()
    }
}

/// Starts HTTP/1.1 on a connection that is handed over if the upstream agrees to leave it.
pub(super) async fn start(
    worker: &Rc<Worker>,
    about: About,
    socket: Socket,
    stream: impl Duplex + 'static,
) -> Result<Connection, Failure> {
    let handshake = worker.upstreams.http1.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|_| Failure::Broken)?;
    let (tell, switched) = oneshot::channel();
    let open = Open::new(worker);
    spawn_local(async move {
        // who sent the request hears of errors
        let Ok(parts) = connection.without_shutdown().await else {
            return;
        };
        let whole = Switched {
            io: Box::new(parts.io.into_inner()),
            first: parts.read_buf,
            _open: open,
        };
        // nobody is left who wants it: the answer was another one, or came unasked
        if let Err(mut whole) = tell.send(Box::new(whole)) {
            let _ = whole.io.shutdown().await;
        }
    });
    Ok(Connection::Exclusive(Box::new(Exclusive {
        about,
        sender,
        driver: None,
        socket,
        finder: Rc::default(),
        switched: Some(switched),
    })))
}
