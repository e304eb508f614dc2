//! Mirroring: copies of requests that nobody waits for.
//!
//! Main comes first in everything. A copy's body is taken from what streams to main ([`capture`]), so
//! main is never held up; the copy starts ([`copy`]) when the request's body is complete and main's
//! answer is there, in a task of its own. All copies of the process share two budgets, of number and
//! of bytes; a copy that does not fit is dropped and counted with its reason. What becomes of a copy
//! changes nothing but metrics.

mod capture;
mod copy;
mod shadow;

pub(crate) use capture::{Capture, Kept};
pub(crate) use shadow::Shadow;
