//! `up`: what it writes into its folder and what it shows.

pub(crate) mod accounts;
pub(crate) mod screen;

use std::path::Path;

/// The configuration that `up` writes into its folder.
pub(crate) const CONFIG_FILE: &str = "steadfast.toml";
/// The domain that `up` serves.
pub(crate) const DOMAIN: &str = "localhost";

/// The configuration of `up`, for a folder and the ports for STARTTLS, direct TLS and metrics.
pub(crate) fn config_file(folder: &Path, ports: [u16; 3]) -> String {
    let [clear, direct, metrics] = ports;
    let folder = toml::Value::from(folder.display().to_string());
    format!(
        "# Written by `steadfast up` at every start. For a service of your own copy it, set domain \
            and addresses, and run\n\
         # `steadfast serve --config YOUR-FILE`; `steadfast serve --print-default-config` shows \
            every key.\n\
         domain = \"{DOMAIN}\"\n\
         runtime_dir = {folder}\n\
         [[listen]]\n\
         kind = \"c2s\"\n\
         address = \"127.0.0.1:{clear}\"\n\
         tls = \"required\"\n\
         [[listen]]\n\
         kind = \"c2s-tls\"\n\
         address = \"127.0.0.1:{direct}\"\n\
         [limits]\n\
         connections_max = 4_000\n\
         [metrics]\n\
         address = \"127.0.0.1:{metrics}\"\n\
         [log]\n\
         level = \"warn\"\n"
    )
}
