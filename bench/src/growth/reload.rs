//! Reloads while requests flow, by weir and by nginx.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};
use weir_bench::objects;
use weir_model::document::{Config, text::write};
use weir_operator::compile::{Options, Snapshot, compile};

use super::{Row, Settings};
use crate::{
    compare::free_port,
    contest::{Pin, Running, nginx},
    load::{self, Http1, Security, Target},
};

/// Requests per second that flow meanwhile: a tenth of what one core can do, or less.
const RATE: f64 = 2000.0;
const CONNECTIONS: usize = 16;
/// How long requests are sent before a reload, and how long they are looked at after it began at least.
const BEFORE: Duration = Duration::from_millis(500);
const LEAST: Duration = Duration::from_millis(250);
/// How long requests are sent at all.
const WHOLE: Duration = Duration::from_secs(3);
/// Within which a reload must be done.
const LIMIT: Duration = Duration::from_mins(1);

/// A proxy that can be given one of two configurations, which differ in one host.
enum Reloaded {
    Weir(Running),
    Nginx(Running),
}

fn live() -> (String, String) {
    ("live.example.com".to_owned(), "/".to_owned())
}

/// The host that only one of the configurations has.
fn mark(second: bool) -> (String, String) {
    (format!("mark{}.example.com", u8::from(second)), "/".to_owned())
}

pub(super) async fn measure(settings: &Settings<'_>, backend: SocketAddr, row: &mut Row) -> Result<()> {
    let pin = Pin {
        core: settings.cores[0],
        under: Vec::new(),
    };
    for name in ["weir", "nginx"] {
        let address = free_port()?;
        let reloaded = Reloaded::start(name, address, backend, row.services, settings.binaries, &pin).await?;
        let target = target(address, &live());
        reached(&target).await?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Http1::connect(&target).await?);
        }
        for round in 0..=settings.rounds {
            let quiet = load::open(&target, &mut connections, RATE, WHOLE / 2).await?;
            let second = round % 2 == 0;
            let marked = self::target(address, &mark(second));
            let reload = async {
                sleep(BEFORE).await;
                let start = Instant::now();
                reloaded.reload(second)?;
                reached(&marked).await?;
                anyhow::Ok((start, Instant::now()))
            };
            let (busy, reload) = tokio::join!(load::open(&target, &mut connections, RATE, WHOLE), reload);
            let ((start, end), busy) = (reload?, busy?);
            if round > 0 {
                let busy = busy.between(start, end.max(start + LEAST)).at(990);
                let mut add = |cells: fn(&mut Row) -> &mut Cells, value| {
                    cells(row).entry(name.to_owned()).or_default().add(value);
                };
                add(|row| &mut row.reload, (end - start).as_secs_f64() * 1e3);
                add(|row| &mut row.quiet, quiet.at(990).as_secs_f64() * 1e6);
                add(|row| &mut row.busy, busy.as_secs_f64() * 1e6);
            }
            eprint!(".");
        }
    }
    Ok(())
}

type Cells = std::collections::BTreeMap<String, crate::results::Cell>;

fn target(address: SocketAddr, (host, path): &(String, String)) -> Target {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    Target {
        address,
        security: Security::Plain,
        requests: vec![Bytes::from(request)],
        resumed: false,
        cookies: false,
    }
}

/// Waits until a host is served, on a connection of its own each time.
async fn reached(target: &Target) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let tried = load::each_anew(target, 1, 1).await;
        if tried.is_ok() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "the host is not served: {tried:?}");
        sleep(Duration::from_millis(2)).await;
    }
}

impl Reloaded {
    async fn start(
        name: &str,
        address: SocketAddr,
        backend: SocketAddr,
        services: usize,
        binaries: &Path,
        pin: &Pin,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if name == "nginx" {
            let page = |second| {
                let mut places: Vec<_> = (0..services).map(objects::place).collect();
                places.extend([live(), mark(second)]);
                nginx::table(address, backend, &places)
            };
            let command = nginx::start(&page(false), folder.path())?;
            // changed in one go, as weir's are
            fs::write(folder.path().join("0"), page(false))?;
            fs::write(folder.path().join("1"), page(true))?;
            return Ok(Self::Nginx(Running::start(&command, address, pin, folder).await?));
        }
        let config = folder.path().join("config");
        fs::create_dir(&config)?;
        let entry_point = format!("web={address}");
        let options = Options {
            entry_points: vec![entry_point.parse()?],
            ..Options::default()
        };
        let mut previous = Config::default();
        for second in [false, true] {
            let mut snapshot = Snapshot::of_cluster();
            for object in objects::many(services).chain(own(backend, second)) {
                snapshot.insert(&object);
            }
            let compilation = compile(&snapshot, &options, &previous);
            previous = Config::clone(&compilation.config);
            fs::write(
                folder.path().join(u8::from(second).to_string()),
                write(&*compilation.config)?.0,
            )?;
            fs::write(config.join("endpoints.json"), write(&*compilation.endpoints)?.0)?;
            fs::write(config.join("secrets.json"), write(&*compilation.secrets)?.0)?;
        }
        fs::copy(folder.path().join("0"), config.join("config.json"))?;
        let command = [
            binaries.join("weir-proxy").display().to_string(),
            format!("--config={}", config.display()),
            format!("--entrypoint={entry_point}"),
            "--admin=127.0.0.1:0".to_owned(),
            "--threads=1".to_owned(),
        ];
        Ok(Self::Weir(Running::start(&command, address, pin, folder).await?))
    }

    /// Gives it the first or the second configuration.
    fn reload(&self, second: bool) -> Result<()> {
        let (running, place) = match self {
            Self::Weir(running) => (running, "config/config.json"),
            Self::Nginx(running) => (running, "nginx.conf"),
        };
        let folder = running.folder();
        // the other name of the same bytes takes the file's place
        let (from, new) = (folder.join(u8::from(second).to_string()), folder.join("new"));
        fs::hard_link(&from, &new).context("no link")?;
        fs::rename(&new, folder.join(place))?;
        if matches!(self, Self::Nginx(_)) {
            running.signal(Signal::HUP);
        }
        Ok(())
    }
}

/// What leads to the backend: the requests that flow, and the host that is told apart.
fn own(backend: SocketAddr, second: bool) -> Vec<serde_json::Value> {
    let [service, slice] = objects::service("live", &[backend]);
    let mut own = vec![service, slice, objects::weighted("live", "live")];
    for (name, (host, _)) in [("live", live()), ("mark", mark(second))] {
        own.push(objects::route(name, &format!("Host(`{host}`)"), "live"));
    }
    own
}
