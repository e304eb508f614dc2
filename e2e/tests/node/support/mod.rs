//! What the cases on a node have in common.

mod app;
mod scene;

pub(crate) use self::{app::App, scene::Scene};
