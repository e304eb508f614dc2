//! For which hosts a certificate is.

use rustls::pki_types::CertificateDer;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The version, where it is not the first.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Among a certificate's alternative names, one that is a host's.
const DNS_NAME: u8 = 0x82;
/// 2.5.4.3 and 2.5.29.17
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// Its DNS names in lower case; of one that has no alternative names at all, as old ones do, the common name. Which
/// names a certificate *may* have is for the clients to judge that are shown it.
pub(super) fn of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let lower = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    parsed(certificate)
        .unwrap_or_default()
        .into_iter()
        .map(lower)
        .collect()
}

/// Takes a certificate apart as far as it takes (RFC 5280, section 4.1). None: it is none.
fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Option<Vec<&'a str>> {
    let mut certificate = Der(Der(certificate).value(SEQUENCE)?);
    let mut fields = Der(certificate.value(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.value(VERSION)?;
    }
    fields.value(INTEGER)?;
    // the algorithm, the issuer, how long it is valid
    for _ in 0..3 {
        fields.value(SEQUENCE)?;
    }
    let subject = fields.value(SEQUENCE)?;
    let _key = fields.value(SEQUENCE)?;
    while let Some((kind, value)) = fields.next() {
        if kind == EXTENSIONS
            && let Some(names) = alternative_names(value)
        {
            return Some(names);
        }
    }
    Some(common_name(subject).into_iter().collect())
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<&str>> {
    let mut extensions = Der(Der(extensions).value(SEQUENCE)?);
    while let Some(extension) = extensions.value(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.value(OBJECT_ID)? != ALTERNATIVE_NAMES {
            continue;
        }
        // whether it is critical may stand before
        let names = std::iter::from_fn(|| extension.next())
            .find(|(kind, _)| *kind == OCTETS)?
            .1;
        let mut names = Der(Der(names).value(SEQUENCE)?);
        let all = std::iter::from_fn(|| names.next());
        let hosts = all.filter(|(kind, _)| *kind == DNS_NAME);
        return Some(
            hosts
                .filter_map(|(_, name)| std::str::from_utf8(name).ok())
                .collect(),
        );
    }
    None
}

fn common_name(subject: &[u8]) -> Option<&str> {
    let mut subject = Der(subject);
    while let Some(set) = subject.value(SET) {
        let mut attribute = Der(Der(set).value(SEQUENCE)?);
        if attribute.value(OBJECT_ID)? == COMMON_NAME {
            return std::str::from_utf8(attribute.next()?.1).ok();
        }
    }
    None
}

/// What is left of a sequence of values in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value, which has to be of a kind.
    fn value(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == kind)
            .map(|(_, value)| value)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&kind, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let number = digits.iter().try_fold(0_usize, |number, digit| {
                number.checked_mul(256)?.checked_add(usize::from(*digit))
            });
            (number?, rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn names(common: &str, alternative: &[&str]) -> Vec<String> {
        let alternative: Vec<_> = alternative.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(alternative).unwrap();
        // others before it
        params
            .distinguished_name
            .push(DnType::OrganizationName, "x".repeat(300));
        params.distinguished_name.push(DnType::CommonName, common);
        of(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn alternative_names_are_the_names() {
        let found = names(
            "common.example",
            &["A.example", "*.b.example", "127.0.0.1", "*.c"],
        );
        assert_eq!(found, ["a.example", "*.b.example", "*.c"]);
        assert!(names("common.example", &["127.0.0.1"]).is_empty());
    }

    #[test]
    fn without_them_the_common_name_is() {
        assert_eq!(names("Old.Example", &[]), ["old.example"]);
    }

    #[test]
    fn garbage_has_no_names() {
        let whole = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let whole = whole.cert.der();
        assert_eq!(of(whole).len(), 1);
        for end in 0..whole.len() {
            let part = CertificateDer::from(&whole[..end]);
            assert!(parsed(&part).is_none(), "{end}");
        }
    }
}
