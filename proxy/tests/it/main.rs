//! The whole proxy, in process, on ports that the system chooses. One file for each thing that users see.

// tells clippy that helpers are tests as well
#![cfg(test)]

mod access_log;
mod admin;
mod attacks;
mod bad_upstream;
mod binary;
mod conformance;
mod dns;
mod drain;
mod entry_points;
mod errors;
mod forward;
mod grpc;
mod headers;
mod health;
mod health_options;
mod health_protocols;
mod http2;
mod informational;
mod keepalive;
mod limits;
mod mirror;
mod mirror_isolation;
mod mirror_memory;
mod reload;
mod retry;
mod sticky;
mod sticky_scale;
mod streaming;
mod support;
mod tls;
mod traffic;
mod upgrade;
mod upstream;
mod weighted;
