//! HTTP/2 frame by frame, right ones and wrong ones.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// What is said about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its status.
    Status(u16),
    /// That it is reset.
    Reset,
    /// That the connection ends, or it has ended.
    End,
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK writes them without its table.
pub fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(short @ ..127) => block.push(short),
                _ => {
                    block.push(127);
                    let mut rest = text.len() - 127;
                    while rest >= 128 {
                        block.push(128 | (rest % 128) as u8);
                        rest /= 128;
                    }
                    block.push(rest as u8);
                }
            }
            block.extend_from_slice(text);
        }
    }
    block
}

/// The fields of a request, with others after them.
pub fn request<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
    let own = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "test.example"),
        (":path", path),
    ];
    let all = own.iter().chain(more);
    all.map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

/// A connection that says what a test wants.
pub struct Raw {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// After both sides have said their settings.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut raw = Self {
            stream,
            buffer: Vec::new(),
        };
        assert!(raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await);
        assert_eq!(raw.next().await.unwrap().0, SETTINGS);
        assert!(raw.send(&frame(SETTINGS, ACK, 0, &[])).await);
        raw
    }

    /// Whether all could be sent.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes))
            .await
            .is_ok_and(|sent| sent.is_ok())
    }

    /// Sends a request that has no body.
    pub async fn ask(&mut self, stream: u32, fields: &[(&[u8], &[u8])]) -> Said {
        self.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields)))
            .await;
        self.answer(stream).await
    }

    /// The next frame: its kind, flags, stream and payload; none: the end.
    pub async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        timeout(PATIENCE, self.read())
            .await
            .expect("a frame or the end in time")
    }

    async fn read(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        self.fill(9).await?;
        let length = u32::from_be_bytes([0, self.buffer[0], self.buffer[1], self.buffer[2]]) as usize;
        self.fill(9 + length).await?;
        let all: Vec<_> = self.buffer.drain(..9 + length).collect();
        let stream = u32::from_be_bytes([all[5], all[6], all[7], all[8]]);
        Some((all[3], all[4], stream, all[9..].to_vec()))
    }

    async fn fill(&mut self, length: usize) -> Option<()> {
        while self.buffer.len() < length {
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
        Some(())
    }

    /// What is said about a stream first.
    pub async fn answer(&mut self, stream: u32) -> Said {
        loop {
            match self.next().await {
                None | Some((GOAWAY, ..)) => return Said::End,
                Some((RST_STREAM, _, of, _)) if of == stream => return Said::Reset,
                Some((HEADERS, _, of, block)) if of == stream => return Said::Status(status(&block)),
                Some(_) => {}
            }
        }
    }

    /// Whether the connection comes to its end.
    pub async fn is_closed(&mut self) -> bool {
        while self.next().await.is_some() {}
        true
    }
}

/// The status at the beginning of a block, in one of the forms that the proxy's library uses.
fn status(block: &[u8]) -> u16 {
    // an update of the table's size may come first
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap();
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match block[start] {
        byte @ 0x88..=0x8e => indexed[usize::from(byte - 0x88)],
        // the name by its index, and three digits as they are or by Huffman's code
        0x48 | 0x08 | 0x18 if block[start + 1] == 3 => std::str::from_utf8(&block[start + 2..start + 5])
            .unwrap()
            .parse()
            .unwrap(),
        0x48 | 0x08 | 0x18 => {
            let length = usize::from(block[start + 1] & 0x7f);
            let bytes = &block[start + 2..start + 2 + length];
            let bits = bytes
                .iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
            digits(bits)
        }
        byte => panic!("no status begins with {byte:#x}"),
    }
}

/// Three digits in Huffman's code (RFC 7541, appendix B): 0, 1 and 2 have five bits, the others six.
fn digits(mut bits: impl Iterator<Item = u8>) -> u16 {
    let mut number = 0;
    for _ in 0..3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code << 1 | u16::from(bits.next().unwrap());
        }
        number = number * 10
            + if code <= 2 {
                code
            } else {
                (code << 1 | u16::from(bits.next().unwrap())) - 0x19 + 3
            };
    }
    number
}
