//! Taking up from what is stored.

use base64::{DecodeError, Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use thiserror::Error;
use weir_model::document::{
    Config, SCHEMA,
    text::{Document as _, TextError, read},
};

use super::encode::gunzip;

/// Why a stored config cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It was edited, or written by another version.
    #[error("the stored config: {0}")]
    Text(#[from] TextError),
    /// Not base64.
    #[error("the stored config: {0}")]
    Base64(#[from] DecodeError),
    /// Not gzip, or too large.
    #[error("the stored config: {0}")]
    Gzip(#[from] std::io::Error),
    /// Not UTF-8.
    #[error("the stored config is no text")]
    NoText,
}

impl ReadError {
    /// Whether it is whole as another version of the operator wrote it, in a form that this one does not
    /// read. Nobody edits a document and gets its digest right by chance.
    pub fn is_of_another_version(&self) -> bool {
        match self {
            // of a much older one nothing can be kept, and nobody will run it again
            Self::Text(TextError::Schema(schema)) => *schema > SCHEMA,
            Self::Text(TextError::Content(error)) => error.is_data(),
            _ => false,
        }
    }
}

/// The config in some stored ConfigMaps; that of an operator that never published where none of them has
/// one.
pub fn previous<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Result<Config, ReadError> {
    match objects.into_iter().find_map(stored_text) {
        Some(text) => Ok(read(&text?)?.0),
        None => Ok(Config::default()),
    }
}

fn stored_text(object: &Value) -> Option<Result<String, ReadError>> {
    let key = format!("{}.json", Config::STEM);
    if let Some(text) = object.get("data").and_then(|data| data.get(&key)?.as_str()) {
        return Some(Ok(text.to_owned()));
    }
    let packed = object.get("binaryData")?.get(format!("{key}.gz"))?.as_str()?;
    Some(unpack(packed))
}

pub(super) fn unpack(packed: &str) -> Result<String, ReadError> {
    let text = gunzip(&BASE64_STANDARD.decode(packed)?)?;
    String::from_utf8(text).map_err(|_| ReadError::NoText)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_model::document::text::Digest;

    use super::*;

    fn error(text: &str) -> ReadError {
        previous([&json!({ "data": { "config.json": text } })]).unwrap_err()
    }

    fn sealed(body: &str) -> String {
        let digest = Digest::of(body.as_bytes());
        format!("{{\"digest\":\"{digest}\",\"document\":\n{body}\n}}\n")
    }

    #[test]
    fn another_versions_config_is_told_from_a_broken_one() {
        let field = r#"{"nodes":{},"more":1,"revision":3,"routes":{},"schema":1,"transports":{}}"#;
        let newer = r#"{"schema":99,"more":{}}"#;
        for body in [field, newer] {
            assert!(error(&sealed(body)).is_of_another_version(), "{body}");
        }
        let edited = sealed(newer).replace("99", "98");
        let cut = sealed(&newer[..9]);
        for text in ["{}", newer, &edited, &cut] {
            assert!(!error(text).is_of_another_version(), "{text}");
        }
        let packed = json!({ "binaryData": { "config.json.gz": "eA==" } });
        assert!(!previous([&packed]).unwrap_err().is_of_another_version());
    }
}
