//! The values by which a cookie names something.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A cookie's value: 16 lower-case hexadecimal digits, the first of the name's SHA-256, as Traefik makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// Of a name: a child's Traefik name without its provider, or an endpoint's URL.
    pub fn of(name: &str) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(name)[..8]);
        Self(u64::from_be_bytes(first))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// FNV-1 with 64 bits, by which older versions of Traefik named things: of a name, and of the digits of that hash.
pub(super) fn fnv(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte)
    })
}

/// A number as those versions wrote it: without leading zeros, in lower case.
pub(super) fn unpadded(value: &[u8]) -> Option<u64> {
    let canonical = value.len() <= 16
        && value
            .first()
            .is_some_and(|first| *first != b'0' || value.len() == 1);
    digits(value).filter(|_| canonical)
}

/// A [`Token`] as it is written.
pub(super) fn padded(value: &[u8]) -> Option<u64> {
    digits(value).filter(|_| value.len() == 16)
}

fn digits(value: &[u8]) -> Option<u64> {
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_traefiks() {
        for (name, current, once, twice) in [
            (
                "apps-whoami1-80",
                "9a8d96fe01c3a543",
                "8face6bc1846b6e3",
                "a990ac604e1a2bce",
            ),
            (
                "default-whoami1-80",
                "05f749141bdebe7d",
                "63763df459cabd60",
                "791b77658a8a9146",
            ),
            (
                "http://10.42.0.6:80",
                "08e1f9a2357f532a",
                "5b04d5b16b333734",
                "9e88af36316707db",
            ),
        ] {
            assert_eq!(Token::of(name).to_string(), current, "{name}");
            let hash = fnv(name.as_bytes());
            assert_eq!(format!("{hash:x}"), once, "{name}");
            assert_eq!(format!("{:x}", fnv(once.as_bytes())), twice, "{name}");
        }
    }

    #[test]
    fn only_the_canonical_digits_are_read() {
        assert_eq!(unpadded(b"f0"), Some(0xf0));
        assert_eq!(padded(b"05f749141bdebe7d"), Some(0x05f7_4914_1bde_be7d));
        for value in ["", "0f", "F0", "g", "10000000000000000"] {
            assert_eq!(unpadded(value.as_bytes()), None, "{value}");
        }
        assert_eq!(padded(b"5f749141bdebe7d"), None);
    }
}
