//! What is read of a proxy's pod.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;

/// The container port by this name is the admin port.
const ADMIN: &str = "admin";

/// A proxy's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProxyPod {
    /// Its name.
    pub name: String,
    /// What tells it from its predecessors of the same name, and a container from the one before it.
    pub incarnation: String,
    /// Where its admin port is, while a container runs.
    pub admin: Option<SocketAddr>,
    /// Whether it gets traffic.
    pub ready: bool,
}

impl ProxyPod {
    /// Of a pod that is not on its way out. `port` is the admin port where the pod names none.
    pub fn read(pod: &Pod, port: u16) -> Option<Self> {
        if pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let name = pod.metadata.name.clone()?;
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let containers = status.and_then(|status| status.container_statuses.as_deref());
        let started: Vec<String> = containers
            .unwrap_or_default()
            .iter()
            .filter(|container| {
                container
                    .state
                    .as_ref()
                    .is_some_and(|state| state.running.is_some())
            })
            .map(|container| {
                format!(
                    "{}@{}",
                    container.name,
                    container.container_id.as_deref().unwrap_or_default()
                )
            })
            .collect();
        let address: Option<IpAddr> = status.and_then(|status| status.pod_ip.as_ref()?.parse().ok());
        let admin = address.filter(|_| !started.is_empty());
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let ready = conditions
            .unwrap_or_default()
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let restarts: i32 = containers
            .unwrap_or_default()
            .iter()
            .map(|c| c.restart_count)
            .sum();
        Some(Self {
            incarnation: format!(
                "{} {address:?} {} {restarts}",
                pod.metadata.uid.as_deref().unwrap_or_default(),
                started.join(" ")
            ),
            admin: admin.map(|address| SocketAddr::new(address, admin_port(pod).unwrap_or(port))),
            name,
            ready,
        })
    }
}

fn admin_port(pod: &Pod) -> Option<u16> {
    let containers = pod.spec.as_ref()?.containers.iter();
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let mut named = ports.filter(|port| port.name.as_deref() == Some(ADMIN));
    u16::try_from(named.next()?.container_port).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(edit: impl Fn(&mut Value)) -> Option<ProxyPod> {
        let mut pod = json!({
            "metadata": { "name": "p", "uid": "u" },
            "spec": { "containers": [{ "name": "proxy", "ports": [
                { "name": "web", "containerPort": 80 }, { "name": "admin", "containerPort": 9901 },
            ] }] },
            "status": {
                "phase": "Running", "podIP": "fd00::7",
                "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [{
                    "name": "proxy", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "containerID": "c1", "state": { "running": {} },
                }],
            },
        });
        edit(&mut pod);
        ProxyPod::read(&serde_json::from_value(pod).unwrap(), 8080)
    }

    #[test]
    fn a_running_pod_can_be_asked_at_the_port_that_it_names() {
        let pod = pod(|_| {}).unwrap();
        assert_eq!(pod.admin.unwrap().to_string(), "[fd00::7]:9901");
        assert!(pod.ready);
    }

    #[test]
    fn the_port_has_a_default() {
        let pod = pod(|pod| pod["spec"]["containers"][0]["ports"] = json!([])).unwrap();
        assert_eq!(pod.admin.unwrap().port(), 8080);
    }

    #[test]
    fn a_container_that_waits_cannot_be_asked() {
        let waiting = pod(|pod| {
            pod["status"]["containerStatuses"][0]["state"] = json!({ "waiting": {} });
            pod["status"]["conditions"][0]["status"] = "False".into();
        });
        let waiting = waiting.unwrap();
        assert_eq!((waiting.admin, waiting.ready), (None, false));
    }

    #[test]
    fn a_restarted_container_is_another_one() {
        let restarted = pod(|pod| pod["status"]["containerStatuses"][0]["restartCount"] = 1.into());
        assert_ne!(pod(|_| {}).unwrap().incarnation, restarted.unwrap().incarnation);
    }

    #[test]
    fn a_pod_on_its_way_out_is_none() {
        assert_eq!(
            pod(|pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()),
            None
        );
        assert_eq!(pod(|pod| pod["status"]["phase"] = "Failed".into()), None);
    }
}
