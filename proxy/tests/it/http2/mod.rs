//! HTTP/2 with clients: the same as HTTP/1.1, many at a time.

mod drain;
mod limits;
mod protocol;
mod requests;

use std::{net::SocketAddr, time::Duration};

use weir_model::document::Scheme;
use weir_proxy::app::Options;

use crate::support::{Authority, Documents, Fixture, http2::Http2, secure};

const HOST: &str = "a.example";
const SHORT: Duration = Duration::from_millis(100);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// With TLS, and a certificate for [`HOST`].
async fn secured(backend: SocketAddr, change: impl FnOnce(&mut Options)) -> (Fixture, Authority) {
    let authority = Authority::new();
    let documents = Documents::one(backend)
        .secret("own", authority.sign(&[HOST]).entry())
        .tls("/", Some("own"));
    (Fixture::secure(&documents, change).await, authority)
}

async fn over_tls(fixture: &Fixture, authority: &Authority) -> Http2 {
    let config = authority.client(&["h2", "http/1.1"]);
    let stream = secure(fixture.web, HOST, &config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Http2::over(stream).await
}

fn h2c(address: SocketAddr) -> Documents {
    Documents::default()
        .service_with("main", &[address], |leaf| leaf.scheme = Scheme::H2c)
        .route("/", "main")
}
