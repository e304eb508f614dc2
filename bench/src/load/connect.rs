//! Connections, with TLS or without.

use std::{fmt, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use rustls::{ClientConfig, HandshakeKind, client::Resumption, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// What can be read and written.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection.
pub type Socket = Box<dyn Io>;

/// How a proxy is spoken to.
#[derive(Clone)]
pub enum Security {
    /// Without TLS.
    Plain,
    /// With it.
    Tls(Arc<ClientConfig>),
}

impl Security {
    /// The same for another client, who has had no sessions yet.
    pub fn of_another(&self) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Tls(config) => {
                let mut config = ClientConfig::clone(config);
                config.resumption = Resumption::in_memory_sessions(8);
                Self::Tls(config.into())
            }
        }
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

/// Connects.
pub async fn dial(address: SocketAddr, security: &Security) -> Result<Socket> {
    dial_again(address, security).await.map(|(socket, _)| socket)
}

/// Connects, and says whether a session of before was taken up.
pub async fn dial_again(address: SocketAddr, security: &Security) -> Result<(Socket, bool)> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    Ok(match security {
        Security::Plain => (Box::new(stream), false),
        Security::Tls(config) => {
            let name = ServerName::try_from(crate::certificate::HOST)?;
            let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
            let stream = stream.context("cannot agree on TLS")?;
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            (Box::new(stream), resumed)
        }
    })
}
