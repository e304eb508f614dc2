//! Which addresses backends of tests can have.

use std::net::Ipv4Addr;

use weir_e2e::{
    cluster::{Cluster, api::Refusal, host_address, resource::ENDPOINT_SLICE},
    slices::endpoint_slice,
};

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_endpoint_slice_takes_the_hosts_address_and_no_loopback_address() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let slice = |address: Ipv4Addr| endpoint_slice(&namespace.name, "svc1", Some((address, 80).into()));
    let refused = namespace
        .create(ENDPOINT_SLICE, "svc1", slice(Ipv4Addr::LOCALHOST))
        .await;
    assert_eq!(Refusal::status_of(&refused.unwrap_err()), Some(422));
    let taken = namespace
        .create(ENDPOINT_SLICE, "svc1", slice(host_address().unwrap()))
        .await;
    taken.unwrap();
}
