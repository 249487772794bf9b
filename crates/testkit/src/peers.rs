//! Prosody and ejabberd as Debian packages them, with ordinary archive, offline, carbons and stream management.
//!
//! They show whether our client, scenarios, loss checker and bench tell the truth, and they are what the bench compares
//! with. Limits that would throttle a bench are raised; nothing else is tuned in their favour or against them. No system
//! service is used: both run as children, under a temporary directory, ended by their process id.

use crate::process::Process;
use crate::sasl::Hash;
use crate::server::{DOMAIN, PASSWORD, Place, Setup};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::process::Command;
use std::time::{Duration, Instant};

/// Iterations Prosody uses by default.
const PROSODY_ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

/// Configuration, accounts and data directory for Prosody.
pub fn prepare_prosody(place: &Place<'_>, setup: &Setup) -> Result<()> {
    let dir = place.dir.display();
    let archive = if setup.archive { "\"mam\";" } else { "" };
    let storage = std::env::var("PROSODY_STORAGE").unwrap_or_else(|_| "internal".to_owned());
    let config = format!(
        r#"run_as_root = true
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
certificates = "{dir}"
log = {{ warn = "{dir}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {} }}
c2s_direct_tls_ports = {{ {} }}
s2s_ports = {{ }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "private"; "vcard_legacy"; "pep"; "version"; "uptime"; "time";
    "lastactivity"; "ping"; "carbons"; "smacks"; "blocklist"; "offline"; "csi_simple"; {archive} }}
modules_disabled = {{ "s2s"; "limits" }}
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_hashed"
storage = "{storage}"
sql = {{ driver = "SQLite3"; database = "prosody.sqlite" }}
default_archive_policy = true
storage_archive_item_limit = 100000000
limits = {{ }}
statistics = nil
ssl = {{ key = "{dir}/key.pem"; certificate = "{dir}/cert.pem" }}
c2s_direct_tls_ssl = {{ key = "{dir}/key.pem"; certificate = "{dir}/cert.pem" }}
VirtualHost "{DOMAIN}"
    ssl = {{ key = "{dir}/key.pem"; certificate = "{dir}/cert.pem" }}
"#,
        place.plain.port(),
        place.tls.port(),
    );
    std::fs::write(place.dir.join("prosody.cfg.lua"), config)?;
    // Prosody's own file format: one Lua table per account.
    let accounts = place.dir.join("data").join(DOMAIN).join("accounts");
    std::fs::create_dir_all(&accounts)?;
    let salted = Hash::Sha1.salted_password(PASSWORD, b"salt for tests", PROSODY_ITERATIONS);
    let (stored, server) = Hash::Sha1.stored_and_server_key(&salted);
    let account = format!(
        "return {{ [\"iteration_count\"] = {PROSODY_ITERATIONS}; [\"salt\"] = \"salt for tests\"; [\"stored_key\"] = \"{}\"; [\"server_key\"] = \"{}\"; }};\n",
        hex(&stored),
        hex(&server)
    );
    for user in &setup.accounts {
        let mut name = String::new();
        for byte in user.bytes() {
            if byte.is_ascii_alphanumeric() {
                name.push(char::from(byte));
            } else {
                write!(name, "%{byte:02x}")?;
            }
        }
        std::fs::write(accounts.join(format!("{name}.dat")), &account)?;
    }
    Ok(())
}

/// Prosody in the foreground.
pub fn prosody_command(place: &Place<'_>) -> Command {
    let mut command = Command::new("prosody");
    command.arg("-F").arg("--config").arg(place.dir.join("prosody.cfg.lua"));
    command
}

/// Configuration and the list of accounts for ejabberd.
pub fn prepare_ejabberd(place: &Place<'_>, setup: &Setup) -> Result<()> {
    let dir = place.dir.display();
    let archive = if setup.archive {
        "  mod_mam:\n    assume_mam_usage: true\n    default: always\n"
    } else {
        ""
    };
    let config = format!(
        r#"hosts: [{DOMAIN}]
loglevel: warning
certfiles: ["{dir}/both.pem"]
auth_method: internal
auth_password_format: scram
new_sql_schema: false
access_rules:
  all_of_us:
    allow: all
shaper_rules:
  many_messages:
    1000000: all
  many_sessions:
    100: all
listen:
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: none
    access: all_of_us
    starttls: true
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: none
    access: all_of_us
    tls: true
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
{archive}  mod_offline:
    access_max_user_messages: many_messages
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub:
    access_createnode: all_of_us
    plugins: [flat, pep]
  mod_roster:
    versioning: true
  mod_stream_mgmt:
    resend_on_timeout: if_offline
    max_ack_queue: 100000
  mod_time: {{}}
  mod_vcard: {{}}
  mod_version: {{}}
"#,
        place.plain.port(),
        place.tls.port(),
    );
    std::fs::write(place.dir.join("ejabberd.yml"), config)?;
    let terms: String = setup.accounts.iter().map(|user| format!("<<\"{user}\">>.\n")).collect();
    std::fs::write(place.dir.join("accounts.term"), terms)?;
    std::fs::create_dir_all(place.dir.join("mnesia"))?;
    Ok(())
}

/// ejabberd in the foreground, as one Erlang node without distribution (so without epmd), which makes the accounts that
/// are missing and then says that it is ready.
pub fn ejabberd_command(place: &Place<'_>) -> Command {
    let dir = place.dir.display();
    let _ = std::fs::remove_file(place.dir.join("ready"));
    // The first account is registered; the others get the same verifier, which is a thousand times quicker.
    let eval = format!(
        "S = <<\"{DOMAIN}\">>, {{ok, Us}} = file:consult(\"{dir}/accounts.term\"), \
         case Us of [] -> ok; [U1|Rest] -> \
           case ejabberd_auth:user_exists(U1, S) of true -> ok; false -> \
             ejabberd_auth:try_register(U1, S, <<\"{PASSWORD}\">>), \
             [R] = mnesia:dirty_read(passwd, {{U1, S}}), \
             [mnesia:dirty_write(passwd, setelement(2, R, {{U, S}})) || U <- Rest], \
             mnesia:sync_log(), mnesia:dump_log() end end, \
         file:write_file(\"{dir}/ready\", <<>>)."
    );
    let mut command = Command::new("erl");
    command
        .current_dir(place.dir)
        .env("HOME", place.dir)
        .env("ERL_LIBS", "/usr/lib/x86_64-linux-gnu")
        .env("EJABBERD_CONFIG_PATH", place.dir.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", place.dir.join("ejabberd.log"))
        .env("ERL_CRASH_DUMP", place.dir.join("crash.dump"))
        .args(["+K", "true", "+P", "250000", "+Q", "65536", "-noinput", "-mnesia", "dir"])
        .arg(format!("\"{dir}/mnesia\""))
        .args(["-s", "ejabberd", "-eval"])
        .arg(eval);
    command
}

/// Waits until the accounts are there.
pub fn wait_for_ejabberd(place: &Place<'_>, process: &mut Process, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !place.dir.join("ready").exists() {
        if !process.is_running() {
            bail!("ejabberd ended while it started\n{}", process.log_tail());
        }
        ensure!(Instant::now() < deadline, "ejabberd is not ready\n{}", process.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether a program of this name is in `PATH`; the remedy otherwise.
pub fn require_program(name: &str, package: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    found
        .then_some(())
        .with_context(|| format!("{name} is not installed: apt-get install {package}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
