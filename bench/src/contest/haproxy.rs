//! haproxy: keep-alive to backends, no log, one thread.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;

use super::Task;
use crate::{
    files,
    route::{Route, SHARES, entry},
};

pub(super) fn command(task: &Task<'_>, folder: &Path) -> Result<Option<Vec<String>>> {
    let Some(config) = config(task, folder)? else {
        return Ok(None);
    };
    let path = folder.join("haproxy.cfg");
    fs::write(&path, config)?;
    let path = path.display().to_string();
    Ok(Some(["haproxy", "-db", "-f", &path].map(str::to_owned).into()))
}

fn config(task: &Task<'_>, folder: &Path) -> Result<Option<String>> {
    let backends = task.backends;
    let mut servers = format!("  server s0 {}\n", backends.http1[0]);
    let mut rules = String::from("  default_backend one\n");
    match task.route {
        Route::One => {}
        Route::Tree | Route::Sticky => {
            let sticky = task.route == Route::Sticky;
            servers = if sticky {
                "  cookie lvl1 insert\n".to_owned()
            } else {
                String::new()
            };
            for (place, (address, weight)) in backends.http1.iter().zip(SHARES).enumerate() {
                let cookie = if sticky {
                    format!(" cookie c{place}")
                } else {
                    String::new()
                };
                let _ = writeln!(servers, "  server s{place} {address} weight {weight}{cookie}");
            }
        }
        // it has none
        Route::Mirror => return Ok(None),
        Route::Grpc => servers = format!("  server s0 {} proto h2\n", backends.http2),
        Route::Table(count) => {
            let table = (0..count).fold(String::new(), |mut all, place| {
                let (host, path) = entry(place);
                let _ = writeln!(all, "{host}{path} one");
                all
            });
            fs::write(folder.join("table.map"), table)?;
            rules = format!(
                "  use_backend %[base,map_beg({})]\n",
                folder.join("table.map").display()
            );
        }
    }
    let bind = match (task.tls, task.route) {
        (true, _) => format!(
            "ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3",
            folder.join("both.pem").display()
        ),
        (false, Route::Grpc) => "proto h2".to_owned(),
        (false, _) => String::new(),
    };
    let large = if task.large { "  tune.bufsize 65536\n" } else { "" };
    let splice = if task.large { "  option splice-auto\n" } else { "" };
    Ok(Some(format!(
        "global
  nbthread 1
  maxconn {}
  tune.h2.max-concurrent-streams 1000
{large}defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option forwardfor
  http-reuse always
{splice}frontend web
  bind {} {bind} backlog 16384
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %[dst_port]
{rules}backend one
{servers}",
        // splicing wants pipes as well
        if task.large {
            1000
        } else {
            files::most_connections() + 50
        },
        task.address
    )))
}
