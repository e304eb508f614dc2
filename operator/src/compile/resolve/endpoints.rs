//! Endpoint sets out of EndpointSlices.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::document::{Address, EndpointSet};

use crate::compile::input::EndpointSlice;

/// The addresses that serve the Service's port of this name. An address that several slices have, once
/// shutting down and once not, is not shutting down.
pub(super) fn collect(
    slices: Option<&BTreeMap<String, Result<Arc<EndpointSlice>, String>>>,
    port_name: &str,
) -> EndpointSet {
    let mut set = EndpointSet::default();
    for slice in slices
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter_map(|slice| slice.as_ref().ok())
    {
        let port = slice
            .ports
            .iter()
            .find(|port| port.name == port_name)
            .map(|port| port.port);
        let Some(port) = port.filter(|port| *port != 0) else {
            continue;
        };
        for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.serving()) {
            let list = if endpoint.terminating() {
                &mut set.terminating
            } else {
                &mut set.ready
            };
            let hosts = endpoint
                .addresses
                .iter()
                .filter_map(|address| address.parse().ok());
            list.extend(hosts.map(|host| Address { host, port }));
        }
    }
    set.ready.sort();
    set.ready.dedup();
    set.terminating.sort();
    set.terminating.dedup();
    set.terminating
        .retain(|address| set.ready.binary_search(address).is_err());
    set
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(slices: &[serde_json::Value], port: &str) -> EndpointSet {
        let parsed = slices.iter().enumerate().map(|(i, slice)| {
            (
                i.to_string(),
                EndpointSlice::parse(slice)
                    .map(Arc::new)
                    .map_err(|e| e.to_string()),
            )
        });
        collect(Some(&parsed.collect()), port)
    }

    fn addresses(list: &[Address]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn serving_counts_and_ready_does_not() {
        let set = set(
            &[json!({ "ports": [{ "name": "web", "port": 8080 }], "endpoints": [
                { "addresses": ["10.0.0.3"], "conditions": { "ready": false } },
                { "addresses": ["10.0.0.1"], "conditions": { "serving": false } },
                { "addresses": ["10.0.0.2"], "conditions": { "serving": true, "terminating": true } },
                { "addresses": ["::1"] },
            ] })],
            "web",
        );
        assert_eq!(addresses(&set.ready), ["10.0.0.3:8080", "[::1]:8080"]);
        assert_eq!(addresses(&set.terminating), ["10.0.0.2:8080"]);
    }

    #[test]
    fn slices_are_merged_and_addresses_come_once() {
        let slice = |terminating: bool, addresses: &[&str]| {
            json!({ "ports": [{ "port": 80 }], "endpoints": [
                { "addresses": addresses, "conditions": { "terminating": terminating } } ] })
        };
        let set = set(
            &[
                slice(true, &["10.0.0.1", "10.0.0.2"]),
                slice(false, &["10.0.0.1", "10.0.0.1"]),
            ],
            "",
        );
        assert_eq!(addresses(&set.ready), ["10.0.0.1:80"]);
        assert_eq!(addresses(&set.terminating), ["10.0.0.2:80"]);
    }

    #[test]
    fn a_slice_without_the_port_is_passed_over() {
        let slices = [
            json!({ "ports": [{ "name": "other", "port": 80 }, { "name": "web", "port": null }],
            "endpoints": [{ "addresses": ["10.0.0.1"] }] }),
        ];
        assert_eq!(set(&slices, "web"), EndpointSet::default());
    }
}
