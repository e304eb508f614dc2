//! The way from events to compilations, without a cluster and with a paused clock.

mod broken_compiler;
mod holdoff;
mod kept;
mod published;
mod relevance;
mod sync;
