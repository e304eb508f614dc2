//! On a control plane of its own: everything that helm installs, and what is left of it.

mod release;
mod running;
