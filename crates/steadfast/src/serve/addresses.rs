//! Why an address cannot be listened on, in sentences that name the port and what to do.

use anyhow::{Error, anyhow};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// Why the multiplexor did not start.
pub(super) fn explain_mux(error: mux::StartError) -> Error {
    match &error {
        mux::StartError::Bind { address, source } => explain(source, *address),
        _ => Error::new(error),
    }
}

/// Why an address cannot be had.
pub(super) fn explain(error: &std::io::Error, address: SocketAddr) -> Error {
    let (ip, port) = (address.ip(), address.port());
    match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "port {port} on {ip} is taken by another program; stop it (`ss -ltnp sport = :{port}` \
                names it), or use \
             another port (`steadfast up --port-base PORT`, or an address in the configuration)"
        ),
        ErrorKind::PermissionDenied => anyhow!(
            "port {port} is reserved for the system; use one above 1023, or give this program the \
                right to it \
             (setcap cap_net_bind_service=+ep)"
        ),
        ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => anyhow!(
            "this machine does not have the address {ip}; 0.0.0.0:{port} is every IPv4 address it \
                has"
        ),
        _ => anyhow!("cannot listen on {address}: {error}"),
    }
}
