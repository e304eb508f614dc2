//! What the proxies are asked to do with requests.

/// Which requests go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// All to one service.
    One,
    /// A tree of three levels, as on Traefik's page: 8 of 12 to the first service, 2 to each of the others.
    Tree,
    /// The same with a cookie at each level.
    Sticky,
    /// All to one service, and a copy of each to another.
    Mirror,
    /// All to one that speaks HTTP/2 without TLS, as gRPC does.
    Grpc,
    /// So many hosts, each with a path that leads to the one service.
    Table(usize),
}

/// The shares of the services of a tree.
pub const SHARES: [u32; 3] = [8, 2, 2];

/// A host of a table, and the path below it.
pub fn entry(place: usize) -> (String, String) {
    (format!("host{place}.example.com"), format!("/path{place}"))
}
