//! The way between a machine and its host, and the addresses of everything in it.
//!
//! A pair of devices joins them. The machine has 65,536 addresses that the host has a route to (of those that RFC 6598 sets
//! aside): its own one, its pods' and its Services'. So a test reaches them as another machine of that network would.

use std::{net::Ipv4Addr, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// 100.64.0.0/10 has 64 networks of that size.
const NUMBERS: std::ops::Range<u8> = 64..128;

/// A machine's addresses. As long as its device is there, no other machine gets them.
#[derive(Debug)]
pub(super) struct Network(u8);

impl Network {
    /// Joins the network namespace of a process with the host.
    pub(super) fn connect(pid: u32) -> Result<Self> {
        for number in NUMBERS {
            let network = Self(number);
            if network.link(pid)? {
                network.set_up(pid)?;
                return Ok(network);
            }
        }
        bail!("all networks from 100.64.0.0/16 to 100.127.0.0/16 are in use")
    }

    /// Joins another one instead, after [`Self::disconnect`].
    pub(super) fn reconnect(&self, pid: u32) -> Result<()> {
        ensure!(self.link(pid)?, "somebody has taken {}", self.device());
        self.set_up(pid)
    }

    /// Takes the device away, which otherwise goes a moment after the machine's last process.
    pub(super) fn disconnect(&self) {
        // it may be gone already
        drop(ip(&["link", "delete", &self.device()]));
    }

    /// Of the machine.
    pub(super) fn machine(&self) -> Ipv4Addr {
        self.address(0, 2)
    }

    /// The range of its pods' addresses.
    pub(super) fn pods(&self) -> String {
        format!("{}/24", self.address(1, 0))
    }

    /// The range of its Services' addresses.
    pub(super) fn services(&self) -> String {
        format!("{}/24", self.address(2, 0))
    }

    /// Where a cluster's name server would be; there is none.
    pub(super) fn name_server(&self) -> Ipv4Addr {
        self.address(2, 10)
    }

    fn host(&self) -> Ipv4Addr {
        self.address(0, 1)
    }

    fn address(&self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(100, self.0, third, fourth)
    }

    /// The name of its device on the host.
    pub(super) fn device(&self) -> String {
        format!("weir-e2e-{}", self.0)
    }

    /// Makes the devices. False when the addresses are somebody's already.
    fn link(&self, pid: u32) -> Result<bool> {
        let all = format!("{}/16", self.address(0, 0));
        // routes within, and those that have all of it within themselves
        let routes = [
            ip(&["route", "show", "to", "root", &all])?,
            ip(&["route", "show", "to", "match", &all])?,
        ];
        let mut routes = routes.iter().flat_map(|routes| routes.lines());
        if routes.any(|route| !route.starts_with("default")) {
            return Ok(false);
        }
        let (device, pid) = (self.device(), pid.to_string());
        let devices = [
            "link", "add", &device, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ];
        match ip(&devices) {
            Ok(_) => Ok(true),
            // between two programs that look at the same time, this decides
            Err(error) if error.to_string().contains("File exists") => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn set_up(&self, pid: u32) -> Result<()> {
        let (device, net) = (self.device(), format!("--net=/proc/{pid}/ns/net"));
        let [host, machine] = [self.host(), self.machine()].map(|address| format!("{address}/30"));
        ip(&["address", "add", &host, "dev", &device])?;
        ip(&["link", "set", &device, "up"])?;
        for command in [
            &["address", "add", &machine, "dev", "eth0"][..],
            &["link", "set", "eth0", "up"],
            &["route", "add", "default", "via", &self.host().to_string()],
        ] {
            run("nsenter", &[&[net.as_str(), "ip"], command].concat())?;
        }
        let (all, via) = (format!("{}/16", self.address(0, 0)), self.machine().to_string());
        ip(&["route", "add", &all, "via", &via])?;
        Ok(())
    }
}

fn ip(arguments: &[&str]) -> Result<String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("{program} does not start"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {}: {error}",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
