//! What needs a control plane of its own: it is stopped, its custom resources are replaced, or pods are invented.

mod components;
mod operator;
mod projection;
mod statusless;
