//! What the cases on a node have in common.

mod app;
mod clients;
mod scene;

pub(crate) use self::{
    app::App,
    clients::Clients,
    scene::{SPLIT, Scene},
};
