//! Writing what is in pieces.

use std::io::IoSlice;

/// Up to so many bytes, copying pieces together costs less than having the kernel look at each. The head of an answer with a
/// short body has no more.
const FEW: usize = 1 << 10;

/// Has pieces written as one, if they are only one, or short.
pub(crate) fn together<T>(pieces: &[IoSlice<'_>], write: impl FnOnce(&[u8]) -> T) -> Option<T> {
    if let [whole] = pieces {
        return Some(write(whole));
    }
    let mut few = [0; FEW];
    let mut filled = 0;
    for piece in pieces {
        few.get_mut(filled..filled + piece.len())?.copy_from_slice(piece);
        filled += piece.len();
    }
    Some(write(&few[..filled]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_are_written_as_one() {
        let pieces = [&b"a head"[..], b"", b"a body"].map(IoSlice::new);
        assert_eq!(together(&pieces, <[u8]>::to_vec), Some(b"a heada body".to_vec()));
    }

    #[test]
    fn many_bytes_stay_where_they_are() {
        let many = [0; FEW];
        let one = [IoSlice::new(&many)];
        assert_eq!(together(&one, <[u8]>::as_ptr), Some(many.as_ptr()));
        let two = [IoSlice::new(b"a head"), IoSlice::new(&many)];
        assert_eq!(together(&two, <[u8]>::to_vec), None);
    }
}
