//! Messages that come back.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Target, dial};
use crate::certificate::HOST;

/// Bytes of a message; more would have a longer head.
pub const MESSAGE: usize = 125;

/// As many messages, one after the other on each of some `WebSocket`s.
pub async fn echoes(target: &Target, connections: usize, messages: usize) -> Result<()> {
    let runs = (0..connections).map(|_| async {
        let mut socket = dial(target.address, &target.security).await?;
        let open = format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(open.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(head.len() < 4096, "an endless head");
            head.push(socket.read_u8().await.context("no answer")?);
        }
        ensure!(head.starts_with(b"HTTP/1.1 101 "), "it does not switch");
        let mut frame = [b'x'; 6 + MESSAGE];
        // the end of a message of text; masked, with zeros
        frame[..6].copy_from_slice(&[0x81, 0x80 | MESSAGE as u8, 0, 0, 0, 0]);
        let mut back = [0; 2 + MESSAGE];
        for _ in 0..messages.div_ceil(connections) {
            socket.write_all(&frame).await?;
            socket.read_exact(&mut back).await?;
        }
        ensure!(back[2..] == frame[6..], "something else came back");
        anyhow::Ok(())
    });
    try_join_all(runs).await.map(|_| ())
}
