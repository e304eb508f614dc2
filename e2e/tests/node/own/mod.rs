//! What needs a node of our own: it is killed, rebooted or given images, or namespaces are used that may be somebody's. Left
//! out on a cluster that was there before.

mod faults;
mod harness;
mod install;
mod leader;
mod readme;
mod upgrades;
