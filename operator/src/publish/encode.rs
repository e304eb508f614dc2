//! Documents as the bytes that are stored.

use std::io::{Read as _, Write as _};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use weir_model::document::text::{Digest, Document, TextError, write};

/// Bytes from which on a document is stored with gzip.
const GZIP_ABOVE: usize = 256 << 10;
/// Bytes that a stored document may have when unpacked.
const MAX_UNPACKED: u64 = 64 << 20;

/// A document's bytes.
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    pub gzip: bool,
    pub digest: Digest,
    /// Bytes of its text.
    pub plain: usize,
}

pub(super) fn encode<D: Document>(document: &D) -> Result<Encoded, TextError> {
    let (text, digest) = write(document)?;
    let plain = text.len();
    let packed = if plain > GZIP_ABOVE {
        Some(gzip(text.as_bytes())?)
    } else {
        None
    };
    Ok(match packed {
        Some(bytes) => Encoded {
            bytes,
            gzip: true,
            digest,
            plain,
        },
        None => Encoded {
            bytes: text.into_bytes(),
            gzip: false,
            digest,
            plain,
        },
    })
}

/// The same bytes for the same input: no time, no name.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>, TextError> {
    let mut writer = GzBuilder::new()
        .mtime(0)
        .write(Vec::with_capacity(bytes.len() / 8), Compression::new(6));
    let done = writer.write_all(bytes).and_then(|()| writer.finish());
    done.map_err(|error| TextError::Content(serde_json::Error::io(error)))
}

pub(super) fn gunzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes)
        .take(MAX_UNPACKED + 1)
        .read_to_end(&mut out)?;
    if out.len() as u64 > MAX_UNPACKED {
        return Err(std::io::Error::other("it has more than 64 MiB when unpacked"));
    }
    Ok(out)
}

/// Bytes for people, coarse enough to stay the same while a config changes a little: `1.3 MiB`.
pub(super) fn size(bytes: usize) -> String {
    const MIB: usize = 1 << 20;
    if bytes < 1 << 10 {
        format!("{bytes} bytes")
    } else if bytes < MIB / 10 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        let tenths = (bytes * 10).div_ceil(MIB);
        format!("{}.{} MiB", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_the_same_each_time_and_is_undone() {
        let text: Vec<u8> = (0..500_000_u32)
            .flat_map(|i| (i % 1000).to_string().into_bytes())
            .collect();
        let packed = gzip(&text).unwrap();
        assert!(packed.len() < text.len() / 4);
        assert_eq!(packed, gzip(&text).unwrap());
        // bytes 4 to 7 of the head are the time (RFC 1952)
        assert_eq!(packed[4..8], [0; 4]);
        assert_eq!(gunzip(&packed).unwrap(), text);
    }

    #[test]
    fn a_small_text_that_unpacks_to_a_huge_one_is_refused() {
        let bomb = gzip(&vec![b' '; (64 << 20) + 1]).unwrap();
        assert!(bomb.len() < 100_000);
        assert!(gunzip(&bomb).is_err());
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(17), "17 bytes");
        assert_eq!(size(2000), "2 KiB");
        assert_eq!(size((1 << 20) + 1), "1.1 MiB");
        assert_eq!(size(14 << 20), "14.0 MiB");
    }
}
