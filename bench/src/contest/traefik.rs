//! Traefik, with its file provider.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;

use super::Task;
use crate::route::{Route, SHARES, entry};

pub(super) fn command(binary: &Path, task: &Task<'_>, folder: &Path) -> Result<Option<Vec<String>>> {
    fs::write(folder.join("dynamic.yaml"), dynamic(task))?;
    let config = format!(
        "entryPoints: {{web: {{address: '{}', transport: {{respondingTimeouts: {{idleTimeout: 1h}}}}}}}}\n\
         providers: {{file: {{filename: dynamic.yaml}}}}\nglobal: {{checkNewVersion: false, sendAnonymousUsage: false}}\n\
         serversTransport: {{maxIdleConnsPerHost: 256}}\n",
        task.address
    );
    fs::write(folder.join("traefik.yaml"), config)?;
    let arguments = [
        binary.display().to_string(),
        "--configFile=traefik.yaml".to_owned(),
    ];
    // as many threads as the one core that it is given, which is what it would find in a container
    Ok(Some(
        [&["env".to_owned(), "GOMAXPROCS=1".to_owned()], &arguments[..]].concat(),
    ))
}

fn dynamic(task: &Task<'_>) -> String {
    let backends = task.backends;
    let mut services = String::new();
    let mut leaf = |name: &str, url: String| {
        let _ = writeln!(
            services,
            "    {name}: {{loadBalancer: {{servers: [{{url: '{url}'}}]}}}}"
        );
    };
    for (name, address) in ["s0", "s1", "s2"].iter().zip(backends.http1) {
        leaf(name, format!("http://{address}"));
    }
    leaf("h2c", format!("h2c://{}", backends.http2));
    let sticky = if task.route == Route::Sticky {
        ", sticky: {cookie: {name: lvl}}"
    } else {
        ""
    };
    let weighted: Vec<_> = ["s0", "s1", "s2"]
        .iter()
        .zip(SHARES)
        .map(|(name, weight)| format!("{{name: {name}, weight: {weight}}}"))
        .collect();
    let _ = writeln!(
        services,
        "    tree: {{weighted: {{services: [{}]{sticky}}}}}",
        weighted.join(", ")
    );
    let _ = writeln!(
        services,
        "    mirror: {{mirroring: {{service: s0, mirrors: [{{name: s1, percent: 100}}]}}}}"
    );
    let target = match task.route {
        Route::One | Route::Table(_) => "s0",
        Route::Tree | Route::Sticky => "tree",
        Route::Mirror => "mirror",
        Route::Grpc => "h2c",
    };
    let tls = if task.tls { ", tls: {}" } else { "" };
    let mut routers = String::new();
    if let Route::Table(count) = task.route {
        for place in 0..count {
            let (host, path) = entry(place);
            let _ = writeln!(
                routers,
                "    r{place}: {{rule: 'Host(`{host}`) && PathPrefix(`{path}`)', service: {target}{tls}}}"
            );
        }
    } else {
        let _ = writeln!(
            routers,
            "    r: {{rule: 'PathPrefix(`/`)', service: {target}{tls}}}"
        );
    }
    format!(
        "http:\n  routers:\n{routers}  services:\n{services}tls: {{stores: {{default: {{defaultCertificate: {{certFile: cert.pem, keyFile: key.pem}}}}}}}}\n"
    )
}
