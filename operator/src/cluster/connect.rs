//! How the API server is reached.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::watcher,
};

/// To connect.
const CONNECT: Duration = Duration::from_secs(5);
/// To send a request.
const WRITE: Duration = Duration::from_secs(10);
/// From one byte of an answer to the next, and from the request to the first. Whatever became of the other
/// side (a host that vanished, a server that hangs, a balancer that forgot us), it is noticed within this.
/// The server ends quiet watches before that.
const READ: Duration = Duration::from_secs(WATCH as u64 + 10);
/// Seconds that a watch goes on for, busy or not; the next one follows without a gap.
const WATCH: u32 = 45;

/// How to watch, so that a watch that nothing comes from any longer is noticed.
pub(super) fn watching() -> watcher::Config {
    watcher::Config::default().timeout(WATCH)
}

/// Where it is said how the API server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig; nothing: what `KUBECONFIG` names or `~/.kube/config`, else the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; nothing: its current one.
    pub context: Option<String>,
}

impl Connection {
    /// The client's configuration. Nobody is asked yet.
    pub async fn config(&self) -> anyhow::Result<Config> {
        let mut config = match self {
            Self {
                kubeconfig: None,
                context: None,
            } => Config::infer().await.context(
                "there is neither a kubeconfig nor a ServiceAccount's token; --kubeconfig names one",
            )?,
            Self { kubeconfig, context } => {
                let read = kubeconfig
                    .as_ref()
                    .map_or_else(Kubeconfig::read, Kubeconfig::read_from);
                let options = KubeConfigOptions {
                    context: context.clone(),
                    ..KubeConfigOptions::default()
                };
                let loaded = Config::from_custom_kubeconfig(read?, &options).await;
                loaded.context("the kubeconfig cannot be used")?
            }
        };
        limit(&mut config, READ);
        // whoever sends a request tries again by itself, with its own limits
        config.default_retry = false;
        let agent = concat!("weir-operator/", env!("CARGO_PKG_VERSION"));
        config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
        Ok(config)
    }
}

/// Sets what everything may take.
fn limit(config: &mut Config, read: Duration) {
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(WRITE);
    config.read_timeout = Some(read);
    // a connection may have been idle before a request
    config.reset_reader_on_write = true;
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use futures::StreamExt as _;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{
        Api, Client,
        runtime::watcher::{Event, watcher},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    const LIST: &str =
        r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#;

    /// A server that answers lists, if at all, and says nothing more once a watch has begun. Where it is,
    /// and how many watches there were.
    async fn silent(lists: bool) -> (Config, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let watches = Arc::new(AtomicUsize::new(0));
        let counted = watches.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let n = stream.read(&mut request).await.unwrap();
                let head = if String::from_utf8_lossy(&request[..n]).contains("watch=true") {
                    counted.fetch_add(1, Relaxed);
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
                } else if lists {
                    let length = LIST.len();
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{LIST}")
                } else {
                    String::new()
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                open.push(stream);
            }
        });
        let mut config = Config::new(url.parse().unwrap());
        limit(&mut config, Duration::from_millis(200));
        config.default_retry = false;
        (config, watches)
    }

    fn api(config: Config) -> Api<ConfigMap> {
        Api::all(Client::try_from(config).unwrap())
    }

    #[tokio::test]
    async fn a_list_that_is_not_answered_fails() {
        let (config, _) = silent(false).await;
        let mut events = watcher(api(config), watching()).boxed();
        let mut next = async || {
            timeout(Duration::from_secs(20), events.next())
                .await
                .unwrap()
                .unwrap()
        };
        assert!(matches!(next().await, Ok(Event::Init)));
        assert!(matches!(next().await, Err(watcher::Error::InitialListFailed(_))));
    }

    #[tokio::test]
    async fn a_watch_that_nothing_comes_from_is_begun_anew() {
        let (config, watches) = silent(true).await;
        let mut events = watcher(api(config), watching()).boxed();
        let again = async {
            while watches.load(Relaxed) < 3 {
                // nothing comes, but it has to be asked
                let _ = timeout(Duration::from_millis(20), events.next()).await;
            }
        };
        timeout(Duration::from_secs(20), again).await.unwrap();
    }
}
