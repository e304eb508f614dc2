//! A look into PEM texts: whether they hold what they should. Whether that is any good is seen by
//! whoever uses it.

use base64::Engine as _;

/// Whether a text has a block whose label ends in `label` (`CERTIFICATE`, `PRIVATE KEY`) and which holds
/// the DER of a sequence. Labels: RFC 7468, and the older `RSA PRIVATE KEY`, `EC PRIVATE KEY`.
pub(super) fn holds(text: &str, label: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((found, after)) = after.split_once("-----") else {
            return false;
        };
        let Some((body, after)) = after.split_once("-----END ") else {
            return false;
        };
        let body: String = body.split_ascii_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(body)
            .unwrap_or_default();
        if found.ends_with(label) && der.len() > 2 && der[0] == 0x30 {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_block_holds_nothing() {
        assert!(!holds(
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "CERTIFICATE"
        ));
        assert!(!holds("", "CERTIFICATE"));
        assert!(!holds("-----BEGIN CERTIFICATE-----\nMAMCAQE=", "CERTIFICATE"));
    }

    #[test]
    fn a_block_with_a_sequence_holds_it() {
        let key = "# comment\n-----BEGIN EC PRIVATE KEY-----\nMAMC\nAQE=\n-----END EC PRIVATE KEY-----\n";
        assert!(holds(key, "PRIVATE KEY"));
        assert!(!holds(key, "CERTIFICATE"));
    }
}
