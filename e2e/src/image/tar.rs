//! Tar files (ustar) of which each byte is decided: no times, no owners but root, parents before children.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

const BLOCK: usize = 512;
/// Of a name; longer ones would need a prefix, and none here is that long.
const MAX_NAME: usize = 99;

/// A tar file that grows in memory.
#[derive(Debug, Default)]
pub(super) struct Tar {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
}

impl Tar {
    /// Adds a file, and the folders that it is in. The path starts without `/`.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        for (slash, _) in path.match_indices('/') {
            if self.folders.insert(path[..slash].to_owned()) {
                self.entry(&path[..=slash], 0o755, b'5', &[])?;
            }
        }
        self.entry(path, mode, b'0', content)
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend([0; 2 * BLOCK]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, kind: u8, content: &[u8]) -> Result<()> {
        ensure!(path.len() <= MAX_NAME, "{path} is longer than {MAX_NAME} bytes");
        let mut header = [0; BLOCK];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, path);
        put(100, &format!("{mode:07o}"));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        // the checksum is made with spaces in its own place
        put(148, "        ");
        put(257, "ustar\0");
        put(263, "00");
        header[156] = kind;
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend(header);
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }
}
