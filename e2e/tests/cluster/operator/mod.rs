//! `weir-operator run` with nothing but the API: no pod is invented, so that any cluster will do.

mod classes;
mod events;
mod face;
mod hundred;
mod owner;
mod recreated;
mod secrets;
