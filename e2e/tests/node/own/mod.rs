//! What needs a node of our own: it is killed, rebooted or given images. Left out on a cluster that was there before.

mod faults;
mod harness;
mod leader;
mod upgrades;
