//! Which endpoint a client's cookie names.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::Endpoint;
use crate::{
    balance::Counter,
    sticky::{Cookie, Places},
};

/// The endpoints of a sticky leaf, as its cookies name them: the terminating ones, too.
#[derive(Debug)]
pub struct Affinity {
    places: Places,
    /// Of requests without a cookie: as with [`crate::balance::Choice`], others do not count.
    counter: Arc<Counter>,
    endpoints: Box<[Arc<Endpoint>]>,
}

/// An endpoint that a cookie names.
#[derive(Clone, Debug)]
pub struct Named {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Whether the cookie's value has today's form.
    current: bool,
}

impl Named {
    /// Whether a client whose request has gone to an endpoint has the right cookie for it.
    pub fn suits(&self, endpoint: &Endpoint) -> bool {
        self.current && self.endpoint.id == endpoint.id
    }
}

impl Affinity {
    pub(super) fn new(cookie: Cookie, counter: Arc<Counter>, endpoints: Box<[Arc<Endpoint>]>) -> Self {
        let url =
            |endpoint: &Arc<Endpoint>| format!("{}://{}", endpoint.scheme.as_str(), endpoint.address).into();
        Self {
            places: Places::new(cookie, endpoints.iter().map(url)),
            counter,
            endpoints,
        }
    }

    /// The endpoint that a request's cookie names; none while it is held out at `now`, as connections to it fail.
    pub(crate) fn find(&self, headers: &HeaderMap, now: u64) -> Option<Named> {
        let found = self.places.find(headers)?;
        let endpoint = &self.endpoints[found.place];
        (!endpoint.is_held_out(now)).then(|| Named {
            endpoint: Arc::clone(endpoint),
            current: found.current,
        })
    }

    /// The turn of a request without a cookie, for [`super::Leaf::endpoint`].
    pub(crate) fn turn(&self) -> u64 {
        self.counter.next()
    }

    /// The cookie that leads a client to an endpoint.
    pub(crate) fn cookie(&self, endpoint: &Endpoint) -> Option<HeaderValue> {
        let place = self.endpoints.iter().position(|other| other.id == endpoint.id)?;
        Some(self.places.set(place))
    }
}
