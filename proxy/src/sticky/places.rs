//! What a cookie chooses among.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::{Cookie, Found, Names, cookie::value_in};

/// Children of a service or endpoints of a leaf, by their place, and the cookie that names one of them.
#[derive(Debug)]
pub struct Places {
    cookie: Cookie,
    names: Names,
}

impl Places {
    /// Of the things with these names; where two have the same, the first keeps it.
    pub fn new(cookie: Cookie, names: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self {
            cookie,
            names: Names::new(names),
        }
    }

    /// What a request's cookie names.
    pub fn find(&self, headers: &HeaderMap) -> Option<Found> {
        self.names.find(value_in(headers, &self.cookie.name)?)
    }

    /// The `Set-Cookie` that names what is at a place.
    pub fn set(&self, place: usize) -> HeaderValue {
        self.cookie.set(self.names.token(place))
    }
}
