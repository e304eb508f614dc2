//! What a cookie's value names.

use std::sync::Arc;

use hashbrown::HashMap;

use super::token::{Token, fnv, padded, unpadded};

/// Some things that cookies name, by their place.
#[derive(Debug, Default)]
pub struct Names {
    all: Box<[Arc<str>]>,
    current: HashMap<u64, u32>,
    /// By both hashes of older versions.
    older: HashMap<u64, u32>,
}

/// What a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place among the names.
    pub place: usize,
    /// Whether the value is as [`Token`] writes it, else as an older version of Traefik did, or a plain name: the client
    /// should get the current one.
    pub current: bool,
}

impl Names {
    /// Of the things with these names; where two have the same, the first keeps it.
    pub fn new(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let all: Box<[Arc<str>]> = names.into_iter().collect();
        let (mut current, mut older) = (HashMap::with_capacity(all.len()), HashMap::new());
        for (place, name) in (0..).zip(&all) {
            current.entry(Token::of(name).0).or_insert(place);
            let once = fnv(name.as_bytes());
            let twice = fnv(format!("{once:x}").as_bytes());
            older.entry(once).or_insert(place);
            older.entry(twice).or_insert(place);
        }
        Self { all, current, older }
    }

    /// What a cookie's value names, in whichever form.
    pub fn find(&self, value: &[u8]) -> Option<Found> {
        let found = |place: u32, current| Found {
            place: place as usize,
            current,
        };
        if let Some(place) = padded(value).and_then(|token| self.current.get(&token)) {
            return Some(found(*place, true));
        }
        if let Some(place) = unpadded(value).and_then(|hash| self.older.get(&hash)) {
            return Some(found(*place, false));
        }
        let place = *self.older.get(&fnv(value))?;
        (self.all[place as usize].as_bytes() == value).then(|| found(place, false))
    }

    /// The value that names what is at a place.
    pub fn token(&self, place: usize) -> Token {
        Token::of(&self.all[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_value_is_understood() {
        let names = Names::new(["apps-whoami1-80", "apps-whoami2-80"].map(Arc::from));
        let find = |value: &str| {
            names
                .find(value.as_bytes())
                .map(|found| (found.place, found.current))
        };
        assert_eq!(find("b6b9e275813202f4"), Some((1, true)));
        assert_eq!(find("8717bfbc136fefde"), Some((1, false)));
        assert_eq!(find("b2243ce874562117"), Some((1, false)));
        assert_eq!(find("apps-whoami2-80"), Some((1, false)));
        for unknown in ["", "apps-whoami3-80", "B6B9E275813202F4", "b6b9e275813202f5"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
        assert_eq!(names.token(1).to_string(), "b6b9e275813202f4");
    }

    #[test]
    fn of_two_with_one_name_the_first_is_found() {
        let names = Names::new(["a", "a"].map(Arc::from));
        assert_eq!(names.find(b"a").map(|found| found.place), Some(0));
    }
}
