//! Guesses what an unknown word was meant to be.

use serde_json::{Map, Value};
use strsim::damerau_levenshtein;

use super::shape::{Fields, shortened};

/// Longest word that is compared with others, in bytes: the time to compare grows with the length.
const MAX_COMPARED: usize = 64;

/// Which field an unknown one may have been meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A field next to it has a similar name.
    Similar(String),
    /// It is a field of the values of these fields next to it: it stands too far out.
    Inside(Vec<String>),
    /// It is a field of the object around, next to the field of this name: it stands too far in.
    Outside(String),
}

impl Hint {
    /// The hint in words, for the unknown `field`.
    pub fn describe(&self, field: &str) -> String {
        let field = shortened(field);
        match self {
            Self::Similar(name) => format!("did you mean `{name}`?"),
            Self::Inside(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("`{field}` is a field of {}; indent it", names.join(" or "))
            }
            Self::Outside(name) => format!("`{field}` belongs one level up, next to `{name}`"),
        }
    }
}

/// What may have been meant by the field `key` of `object`, which has none of that name among its `fields`.
///
/// `outer` is the name of the field that holds `object`, and the fields next to that one.
pub(super) fn for_unknown(
    key: &str,
    object: &Map<String, Value>,
    fields: &Fields,
    outer: Option<(&str, &Fields)>,
) -> Option<Hint> {
    if let Some(name) = fields.names().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(Hint::Similar(name.to_owned()));
    }
    let holders: Vec<_> = fields
        .holding_objects()
        .filter(|(_, inner)| inner.find(key).is_some())
        .map(|(name, _)| name)
        .collect();
    if !holders.is_empty() {
        // an indentation slipped below a field that stands there: others were not meant
        let present: Vec<_> = holders
            .iter()
            .copied()
            .filter(|name| object.contains_key(*name))
            .collect();
        let meant = if present.is_empty() { holders } else { present };
        return Some(Hint::Inside(meant.into_iter().map(str::to_owned).collect()));
    }
    if let Some((holder, _)) = outer.filter(|(_, around)| around.find(key).is_some()) {
        return Some(Hint::Outside(holder.to_owned()));
    }
    closest(key, fields.names()).map(|name| Hint::Similar(name.to_owned()))
}

/// The candidate most similar to `word`, if any is similar enough to have been meant.
pub(super) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_COMPARED {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= word.len().max(candidate.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
