//! The whole proxy, in process, on ports that the system chooses. One file for each thing that users see.

// tells clippy that helpers are tests as well
#![cfg(test)]

mod admin;
mod attacks;
mod binary;
mod dns;
mod drain;
mod entry_points;
mod errors;
mod forward;
mod headers;
mod health;
mod health_options;
mod health_protocols;
mod http2;
mod keepalive;
mod limits;
mod mirror;
mod mirror_isolation;
mod reload;
mod retry;
mod sticky;
mod sticky_scale;
mod support;
mod tls;
mod traffic;
mod upgrade;
mod upstream;
mod weighted;
