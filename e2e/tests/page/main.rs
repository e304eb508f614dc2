//! Traefik's page of TraefikService, from its YAML to what clients see: each example and each row of its tables is compiled, and
//! served by a whole proxy to a real client.

#![cfg(test)]

mod backend;
mod cookies;
mod curl;
mod examples;
mod health;
mod mirroring;
mod places;
mod references;
mod routing;
mod stage;
