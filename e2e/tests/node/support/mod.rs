//! What the cases on a node have in common.

mod app;
mod scene;
mod told;

pub(crate) use self::{
    app::App,
    scene::{SPLIT, Scene},
    told::await_page,
};
