//! TLS with clients: which certificate they are shown, and that HTTP/1.1 has everything that it has without.

mod certificates;
mod connections;
mod handshakes;

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::client::TlsStream;

use crate::support::{Authority, Certified, Client, Documents, Fixture, anybody, secure};

const HOST: &str = "a.example";
const PARKED: &str = "weir_connections_parked";
const SHORT: Duration = Duration::from_millis(100);

/// The certificate that is shown to who asks for a host.
async fn shown(fixture: &Fixture, host: &str) -> CertificateDer<'static> {
    let stream = secure(fixture.web, host, &anybody()).await.unwrap();
    own(&stream)
}

fn own(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

fn is_default(certificate: &CertificateDer<'_>) -> bool {
    let name = b"WEIR DEFAULT CERT";
    certificate.windows(name.len()).any(|bytes| bytes == name)
}

/// A certificate's place in the documents.
trait Certifying {
    fn certified(self, prefix: &str, secret: &str, certified: &Certified) -> Self;
}

impl Certifying for Documents {
    /// A route with a certificate of its own.
    fn certified(self, prefix: &str, secret: &str, certified: &Certified) -> Self {
        self.route(prefix, "main")
            .secret(secret, certified.entry())
            .tls(prefix, Some(secret))
    }
}

/// A proxy with a certificate for [`HOST`], and a connection to it.
async fn served(
    backend: std::net::SocketAddr,
    change: impl FnOnce(&mut weir_proxy::app::Options),
) -> (Fixture, Authority) {
    let authority = Authority::new();
    let documents = Documents::one(backend).certified("/", "own", &authority.sign(&[HOST]));
    (Fixture::secure(&documents, change).await, authority)
}

async fn client(fixture: &Fixture, authority: &Authority) -> Client<TlsStream<TcpStream>> {
    let config = authority.client(&["http/1.1"]);
    Client::over(secure(fixture.web, HOST, &config).await.unwrap())
}

/// Whether the connection's end is said in TLS, and not only by its loss.
async fn ends_orderly(client: &mut Client<TlsStream<TcpStream>>) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(20), client.stream.read(&mut byte));
    matches!(read.await.expect("an end in time"), Ok(0))
}
