//! What the operator's user configures about compiling.

use weir_model::{duration::GoDuration, entry_point::EntryPoint};

/// Options of [`super::compile`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the proxies listen.
    pub entry_points: Vec<EntryPoint>,
    /// IngressRoutes of this class are compiled, and those without any if [`Self::claim_unclassed`].
    pub ingress_class: String,
    /// Whether IngressRoutes without a class are compiled.
    pub claim_unclassed: bool,
    /// Whether references may lead into other namespaces.
    pub allow_cross_namespace: bool,
    /// Whether references to Services of type ExternalName are allowed.
    pub allow_external_name: bool,
    /// Levels that a TraefikService may have below it, itself included.
    pub max_depth: usize,
    /// Nodes that a TraefikService may have below it.
    pub max_nodes: usize,
    /// Interval of health checks that set none.
    pub health_interval: GoDuration,
    /// Timeout of health checks that set none.
    pub health_timeout: GoDuration,
}

impl Options {
    /// Whether IngressRoutes of this class are compiled.
    pub fn claims(&self, class: Option<&str>) -> bool {
        class.map_or(self.claim_unclassed, |class| class == self.ingress_class)
    }
}

impl Default for Options {
    /// The defaults of the chart.
    fn default() -> Self {
        Self {
            entry_points: [
                "web=0.0.0.0:8080,public=80,default",
                "websecure=0.0.0.0:8443,tls,public=443,default",
            ]
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect(),
            ingress_class: "weir".to_owned(),
            claim_unclassed: true,
            allow_cross_namespace: false,
            allow_external_name: false,
            max_depth: 64,
            max_nodes: 10_000,
            health_interval: GoDuration::from_millis(100),
            health_timeout: GoDuration::from_secs(5),
        }
    }
}

impl Options {
    /// The entry points of routes that name none: those marked so, else all.
    pub fn default_entry_points(&self) -> impl Iterator<Item = &EntryPoint> {
        let any_marked = self.entry_points.iter().any(|e| e.default);
        self.entry_points.iter().filter(move |e| e.default || !any_marked)
    }
}
