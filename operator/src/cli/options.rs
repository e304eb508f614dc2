//! Flags that become options of the compiler.

use clap::Args;
use weir_model::{
    duration::GoDuration,
    entry_point::{self, EntryPoint},
};

use crate::compile::Options;

/// How to compile. The defaults are those of the chart.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Compiling")]
pub(super) struct CompileOptions {
    /// Where the proxies listen, as they are told it: NAME=ADDRESS:PORT[,tls][,public=PORT][,default].
    /// Repeatable. Default: web=0.0.0.0:8080,public=80,default and
    /// websecure=0.0.0.0:8443,tls,public=443,default. Further options are those of Traefik's entry points, of
    /// which the proxies tell
    #[arg(long = "entrypoint", value_name = "ENTRYPOINT")]
    entry_points: Vec<EntryPoint>,
    /// Compile IngressRoutes of this class, and those without one.
    #[arg(long, value_name = "CLASS", default_value = "weir")]
    ingress_class: String,
    /// Pass over IngressRoutes without a class.
    #[arg(long)]
    require_ingress_class: bool,
    /// Allow references into other namespaces.
    #[arg(long)]
    allow_cross_namespace: bool,
    /// Allow references to Services of type ExternalName.
    #[arg(long)]
    allow_external_name: bool,
    /// Levels that a TraefikService may have, itself included.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_depth: u16,
    /// Nodes that a TraefikService may have below it.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_nodes: u32,
    /// Interval of health checks that set none.
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = positive)]
    health_check_interval: GoDuration,
    /// Timeout of health checks that set none.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = positive)]
    health_check_timeout: GoDuration,
}

fn positive(text: &str) -> Result<GoDuration, String> {
    let duration: GoDuration = text
        .parse()
        .map_err(|error: weir_model::duration::DurationError| error.to_string())?;
    if duration.nanos() > 0 {
        Ok(duration)
    } else {
        Err(format!("{duration} is not above zero"))
    }
}

impl CompileOptions {
    /// As the compiler takes them.
    pub fn options(&self) -> anyhow::Result<Options> {
        let Self {
            entry_points,
            ingress_class,
            require_ingress_class,
            allow_cross_namespace,
            allow_external_name,
            max_depth,
            max_nodes,
            health_check_interval,
            health_check_timeout,
        } = self.clone();
        entry_point::check(&entry_points)?;
        let defaults = Options::default();
        Ok(Options {
            entry_points: if entry_points.is_empty() {
                defaults.entry_points
            } else {
                entry_points
            },
            ingress_class,
            claim_unclassed: !require_ingress_class,
            allow_cross_namespace,
            allow_external_name,
            max_depth: usize::from(max_depth),
            max_nodes: max_nodes as usize,
            health_interval: health_check_interval,
            health_timeout: health_check_timeout,
        })
    }
}
