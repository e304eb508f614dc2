//! nginx: keep-alive to backends, no log, one worker.

use std::{fmt::Write as _, fs, net::SocketAddr, path::Path};

use anyhow::Result;

use super::Task;
use crate::route::{Route, SHARES, entry};

/// What is said about a request to whoever gets it: as much as the others say.
const HEADERS: &str = "proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Port $server_port;";

pub(super) fn command(task: &Task<'_>, folder: &Path) -> Result<Option<Vec<String>>> {
    let Some(config) = config(task) else {
        return Ok(None);
    };
    start(&config, folder).map(Some)
}

/// The command that starts it with a configuration.
pub fn start(config: &str, folder: &Path) -> Result<Vec<String>> {
    for name in ["body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        fs::create_dir(folder.join(name))?;
    }
    let path = folder.join("nginx.conf");
    fs::write(&path, config)?;
    let (path, folder) = (path.display().to_string(), folder.display().to_string());
    Ok(["nginx", "-p", &folder, "-c", &path, "-e", "stderr"]
        .map(str::to_owned)
        .into())
}

fn config(task: &Task<'_>) -> Option<String> {
    let backends = task.backends;
    let upstream = |name: &str, servers: &str| {
        format!(
            "upstream {name} {{ {servers} keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }}\n"
        )
    };
    let one = format!("server {};", backends.http1[0]);
    let mut http = upstream("one", &one);
    let mut server = String::new();
    let pass = "proxy_pass http://one;";
    match task.route {
        Route::One => {
            let _ = writeln!(server, "location / {{ {pass} {HEADERS} }}");
        }
        Route::Tree => {
            let servers: String =
                backends
                    .http1
                    .iter()
                    .zip(SHARES)
                    .fold(String::new(), |mut all, (address, weight)| {
                        let _ = write!(all, "server {address} weight={weight}; ");
                        all
                    });
            http = upstream("one", &servers);
            let _ = writeln!(server, "location / {{ {pass} {HEADERS} }}");
        }
        // the free nginx has no sticky cookies
        Route::Sticky => return None,
        Route::Mirror => {
            http += &upstream("other", &format!("server {};", backends.http1[1]));
            let _ = writeln!(server, "location / {{ mirror /copy; {pass} {HEADERS} }}");
            let _ = writeln!(
                server,
                "location = /copy {{ internal; proxy_pass http://other$request_uri; {HEADERS} }}"
            );
        }
        Route::Grpc => {
            http = upstream("one", &format!("server {};", backends.http2));
            let _ = writeln!(
                server,
                "location / {{ grpc_pass grpc://one; grpc_set_header X-Real-IP $remote_addr; }}"
            );
        }
        Route::Table(_) => {}
    }
    let http2 = if task.tls || task.route == Route::Grpc {
        " http2"
    } else {
        ""
    };
    let listen = if task.tls {
        format!(
            "listen {} ssl{http2} reuseport backlog=16384; ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3; \
             ssl_session_cache shared:s:10m; ssl_session_tickets on;",
            task.address
        )
    } else {
        format!("listen {}{http2} reuseport backlog=16384;", task.address)
    };
    if task.large {
        server += "proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0; \
                   proxy_request_buffering off; client_body_buffer_size 128k; client_max_body_size 0;\n";
    }
    if let Route::Table(count) = task.route {
        http += "server_names_hash_max_size 65536; server_names_hash_bucket_size 128;\n";
        for place in 0..count {
            let (host, path) = entry(place);
            let listen = if place == 0 {
                listen.clone()
            } else {
                format!("listen {};", task.address)
            };
            let _ = writeln!(
                http,
                "server {{ {listen} server_name {host}; location {path} {{ {pass} {HEADERS} }} }}"
            );
        }
    } else {
        let _ = writeln!(http, "server {{ {listen}\n{server} }}");
    }
    Some(page(&http))
}

/// Hosts, each with a path that leads to one backend.
pub fn table(address: SocketAddr, backend: SocketAddr, places: &[(String, String)]) -> String {
    let mut http = format!(
        "upstream one {{ server {backend}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 1h; }}\n\
         server_names_hash_max_size 65536; server_names_hash_bucket_size 128;\n"
    );
    for (place, (host, path)) in places.iter().enumerate() {
        let reuseport = if place == 0 {
            " reuseport backlog=16384"
        } else {
            ""
        };
        let _ = writeln!(
            http,
            "server {{ listen {address}{reuseport}; server_name {host}; location {path} {{ proxy_pass http://one; {HEADERS} }} }}"
        );
    }
    page(&http)
}

fn page(http: &str) -> String {
    format!(
        "worker_processes 1; worker_rlimit_nofile 65536; daemon off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 32768; }}
http {{
  access_log off; keepalive_timeout 1h; keepalive_requests 1000000000; http2_max_concurrent_streams 1000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  {http}
}}
"
    )
}
