//! What the cases on a node have in common.

mod app;
mod clients;
mod scene;
mod told;

pub(crate) use self::{
    app::App,
    clients::Clients,
    scene::{SPLIT, Scene},
    told::await_page,
};
