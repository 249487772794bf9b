//! What the logical host needs of the kernel's network.
pub(crate) mod attribute;
pub(crate) mod netlink;
pub(crate) mod route;
pub(crate) mod subnet;
