//! What tests put into pods: an application that says its name, and the program of an empty sandbox.
//!
//! `weir-backend pause` waits to be told to end. Otherwise it stands in for traefik/whoami, whose arguments `-name` and
//! `-port` it takes: it answers with its name and the request, and `/health` with 200. What else it is asked to do:
//!
//! - `-delay 20ms`: it takes so long for an answer.
//! - `-linger 5s`: told to end, it accepts connections for so long, as Kubernetes asks, since clients learn later that it
//!   ends. Without, it refuses new ones at once, closes idle ones, and finishes what has arrived. (Servers that close an idle
//!   connection without looking lose a request that has just come over it, whoever sent it.)

mod arguments;
mod serve;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use self::arguments::Arguments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["pause"] {
        end.recv().await;
        return Ok(());
    }
    serve::serve(Arguments::parse(&arguments)?, async {
        end.recv().await;
    })
    .await
}
