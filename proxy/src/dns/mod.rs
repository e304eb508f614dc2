//! Connecting to what has a name: its addresses ([`resolver`]), and the first of them that answers ([`dial`]).

mod dial;
mod resolver;

pub(crate) use dial::{DialError, dial};
pub(crate) use resolver::Resolver;
