//! HTTP/1.1, one request after the other on each connection.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Socket, Target, dial_again};

/// A connection and its buffer.
pub struct Http1 {
    socket: Socket,
    buffer: Vec<u8>,
    /// The cookies to send, as a whole header.
    cookies: String,
    /// Whether a session of TLS was taken up.
    resumed: bool,
}

/// An answer's head.
struct Head {
    length: usize,
    body: usize,
    cookies: Vec<String>,
}

impl Http1 {
    /// A new connection.
    pub async fn connect(target: &Target) -> Result<Self> {
        let (socket, resumed) = dial_again(target.address, &target.security).await?;
        Ok(Self {
            socket,
            resumed,
            buffer: vec![0; 64 << 10],
            cookies: String::new(),
        })
    }

    /// One request and its answer, which must be 200.
    pub async fn exchange(&mut self, request: &[u8], keep_cookies: bool) -> Result<()> {
        if self.cookies.is_empty() {
            self.socket.write_all(request).await?;
        } else {
            // before the empty line
            let with = [&request[..request.len() - 2], self.cookies.as_bytes(), b"\r\n"].concat();
            self.socket.write_all(&with).await?;
        }
        let mut filled = 0;
        let head = loop {
            ensure!(filled < self.buffer.len(), "an endless head");
            let read = self.socket.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the connection was closed");
            filled += read;
            if let Some(head) = head(&self.buffer[..filled])? {
                break head;
            }
        };
        if keep_cookies && !head.cookies.is_empty() {
            self.cookies = format!("Cookie: {}\r\n", head.cookies.join("; "));
        }
        let mut left = (head.length + head.body)
            .checked_sub(filled)
            .context("more than an answer")?;
        while left > 0 {
            let most = left.min(self.buffer.len());
            let read = self.socket.read(&mut self.buffer[..most]).await?;
            ensure!(read > 0, "the connection was closed");
            left -= read;
        }
        Ok(())
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else {
        return Ok(None);
    };
    if response.code != Some(200) {
        bail!("answered {:?}", response.code);
    }
    let mut head = Head {
        length,
        body: 0,
        cookies: Vec::new(),
    };
    for header in &*response.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            head.body = str::from_utf8(header.value)?.parse()?;
        } else if header.name.eq_ignore_ascii_case("set-cookie") {
            let cookie = str::from_utf8(header.value)?.split(';').next();
            head.cookies.extend(cookie.map(str::to_owned));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer in chunks");
        }
    }
    Ok(Some(head))
}

/// As many requests as fast as they are answered, spread over connections that stay.
pub async fn closed(target: &Target, connections: &mut [Http1], requests: usize) -> Result<()> {
    let each = requests.div_ceil(connections.len());
    let runs = connections.iter_mut().map(|connection| async {
        for request in target.requests.iter().cycle().take(each) {
            connection.exchange(request, target.cookies).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(runs).await.map(|_| ())
}

/// As many requests, each over a connection of its own.
pub async fn each_anew(target: &Target, at_a_time: usize, requests: usize) -> Result<()> {
    let request: &Bytes = target.requests.first().context("nothing to ask")?;
    let runs = (0..at_a_time).map(|_| async {
        let mut resumed = 0;
        let mut target = target.clone();
        if target.resumed {
            target.security = target.security.of_another();
        }
        for _ in 0..requests.div_ceil(at_a_time) {
            let mut connection = Http1::connect(&target).await?;
            connection.exchange(request, false).await?;
            resumed += usize::from(connection.resumed);
        }
        anyhow::Ok(resumed)
    });
    let resumed: usize = try_join_all(runs).await?.into_iter().sum();
    // those at the start have no session to take up
    let enough = requests < 4 * at_a_time || resumed * 2 > requests;
    ensure!(
        !target.resumed || enough,
        "{resumed} of {requests} sessions were resumed"
    );
    Ok(())
}

/// Connections that have been used once.
pub async fn idle(target: &Target, connections: usize) -> Result<Vec<Http1>> {
    let request = target.requests.first().context("nothing to ask")?;
    let mut all = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Http1::connect(target).await?;
        connection.exchange(request, false).await?;
        connection.buffer = Vec::new();
        all.push(connection);
    }
    Ok(all)
}
