//! The node core against a small store: leases, joining, elections, commits, requests.

mod groups;
mod lease;
mod life;
mod work;
mod world;
