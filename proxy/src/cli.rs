//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{CommandFactory as _, Parser, error::ErrorKind};
use tracing_subscriber::EnvFilter;
use weir_model::entry_point::EntryPoint;

use crate::{
    access_log,
    app::{self, MAX_DEFAULT_THREADS, Options},
    config,
    limits::{Limits, duration, duration_or_zero},
    telemetry::LogFormat,
    traffic::Buckets,
};

/// Serves weighted and mirrored HTTP traffic from the documents that weir-operator writes.
#[derive(Debug, Parser)]
#[command(name = "weir-proxy", version)]
pub struct Cli {
    /// The directory with config.json, endpoints.json and secrets.json, watched for changes.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Where clients come in: NAME=ADDRESS:PORT[,tls][,public=PORT][,default]; may be given several times. Further
    /// options are those of Traefik's entry points: http.redirections.entryPoint.to=NAME (with .scheme=https and
    /// .permanent=true), proxyProtocol.trustedIPs=CIDR,CIDR or proxyProtocol.insecure,
    /// forwardedHeaders.trustedIPs=CIDR,CIDR or forwardedHeaders.insecure
    #[arg(long = "entrypoint", value_name = "NAME=ADDRESS", required = true)]
    entry_points: Vec<EntryPoint>,
    /// Where /livez, /readyz, /metrics, /config and /health are answered.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    admin: SocketAddr,
    #[arg(long, value_name = "N", help = threads_help())]
    threads: Option<std::num::NonZeroUsize>,
    /// A DNS server that is asked for the addresses of ExternalName services, instead of those of /etc/resolv.conf;
    /// may be given several times. Names are then not completed by search domains.
    #[arg(long = "dns-server", value_name = "ADDRESS:PORT")]
    dns_servers: Vec<SocketAddr>,
    /// How long to go on accepting connections after SIGTERM, for others to notice.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration_or_zero)]
    drain_delay: Duration,
    /// After that, how long requests may still take.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    grace_period: Duration,
    /// What to log: error, warn, info, debug, trace, or directives such as `info,weir_proxy=debug`.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// Logs each request, in the form that Traefik's log has; the Common Log Format or JSON.
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = "Access log")]
    access_log: Option<access_log::Format>,
    /// The file; without it, standard output. Opened anew on SIGUSR1.
    #[arg(
        long,
        value_name = "FILE",
        requires = "access_log",
        help_heading = "Access log"
    )]
    access_log_file: Option<PathBuf>,
    /// Leaves queries out, which may hold secrets.
    #[arg(long, requires = "access_log", help_heading = "Access log")]
    access_log_drop_query: bool,
    /// Upper bounds, in seconds, of the histograms of how long requests took.
    #[arg(long, value_name = "SECONDS,…", default_value = "0.1,0.3,1.2,5")]
    metrics_buckets: Buckets,
    #[command(flatten, next_help_heading = "Limits")]
    limits: Limits,
}

fn threads_help() -> String {
    format!("Threads that serve; one for each core unless given, at most {MAX_DEFAULT_THREADS}")
}

/// A checked command line.
#[derive(Debug)]
pub struct Command {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What to log.
    pub log_filter: EnvFilter,
    /// The proxy.
    pub options: Options,
}

impl Cli {
    /// Checks what the parser could not. Errors print themselves and exit with 2.
    pub fn checked(self) -> Result<Command, clap::Error> {
        let Self {
            config,
            entry_points,
            admin,
            threads,
            dns_servers,
            drain_delay,
            grace_period,
            log_level,
            log_format,
            access_log,
            access_log_file: file,
            access_log_drop_query: drop_query,
            metrics_buckets: buckets,
            limits,
        } = self;
        let usage = |problem: String| Self::command().error(ErrorKind::ValueValidation, problem);
        app::check(admin, &entry_points).map_err(|error| usage(error.to_string()))?;
        let log_filter =
            EnvFilter::try_new(log_level).map_err(|error| usage(format!("--log-level: {error}")))?;
        let access_log = access_log.map(|format| access_log::Options {
            format,
            file,
            drop_query,
        });
        let options = Options {
            access_log,
            admin,
            dns_servers,
            drain_delay,
            grace_period,
            limits,
            buckets,
            threads: threads.map_or_else(app::default_threads, Into::into),
            ..Options::new(config::Options::new(config), entry_points)
        };
        Ok(Command {
            log_format,
            log_filter,
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(arguments: &[&str]) -> Result<Command, clap::Error> {
        let always = ["weir-proxy", "--config", "somewhere"];
        Cli::try_parse_from(always.iter().chain(arguments)).and_then(Cli::checked)
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let command = checked(&["--entrypoint", "web=127.0.0.1:8000", "--threads", "3"]).unwrap();
        assert_eq!(command.options.threads, 3);
        assert_eq!(command.options.limits, Limits::default());
        assert_eq!(command.options.buckets, Buckets::default());
    }

    #[test]
    fn usage_errors_exit_with_2() {
        for arguments in [
            &[][..],
            &[
                "--entrypoint",
                "web=127.0.0.1:1",
                "--entrypoint",
                "web=127.0.0.1:2",
            ],
            &[
                "--entrypoint",
                "web=127.0.0.1:1",
                "--entrypoint",
                "other=127.0.0.1:1",
            ],
            &["--entrypoint", "web=127.0.0.1:1", "--admin", "127.0.0.1:1"],
            &["--entrypoint", "web=127.0.0.1:1", "--threads", "0"],
            &["--entrypoint", "web=127.0.0.1:1", "--log-level", "weir=loud"],
            &["--entrypoint", "web=nowhere"],
            &["--entrypoint", "web=127.0.0.1:1", "--metrics-buckets", "1,0.5"],
            &["--entrypoint", "web=127.0.0.1:1", "--access-log-drop-query"],
            &["--entrypoint", "web=127.0.0.1:1", "--access-log", "xml"],
            &[
                "--entrypoint",
                "web=127.0.0.1:1,http.redirections.entryPoint.to=websecure",
            ],
        ] {
            assert_eq!(
                checked(arguments).map(|_| ()).unwrap_err().exit_code(),
                2,
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn an_entry_point_may_speak_tls() {
        let command = checked(&["--entrypoint", "websecure=127.0.0.1:8443,tls,public=443"]).unwrap();
        assert!(command.options.entry_points[0].tls);
    }
}
