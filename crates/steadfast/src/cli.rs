//! What can be typed. Help, completions and usage errors come from here; nothing is done here.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT: &str = "Exit codes: 0 done, 1 failed (standard error says why), 2 not understood.";

macro_rules! example {
    ($($line:literal),+ $(,)?) => {
        concat!("Example:\n", $("  ", $line, "\n",)+ "\nExit codes: 0 done, 1 failed (standard \
            error says why), 2 not understood.")
    };
}

/// Instant messaging that stays up: an XMPP server that has every message on disk before it acknowledges it.
#[derive(Debug, Parser)]
#[command(name = "steadfast", version, after_help = EXIT, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the service on this machine at once: no root, no configuration, two accounts to try it with
    #[command(after_help = example!["steadfast up", "steadfast up --data /tmp/try --port-base \
        6222"])]
    Up(UpArgs),
    /// Run the service as a configuration file says
    #[command(after_help = example!["steadfast serve --config /etc/steadfast/steadfast.toml", "steadfast \
        serve --print-default-config > steadfast.toml"])]
    Serve(ServeArgs),
    /// Run this machine as a node of a cluster, or (with a verb) look after the nodes
    #[command(args_conflicts_with_subcommands = true, after_help = example![
        "steadfast node --config /etc/steadfast/node.toml",
        "steadfast node list",
    ])]
    Node(NodeArgs),
    /// Register, look at and check resource types
    #[command(subcommand, after_help = EXIT)]
    Type(cluster_commands::TypeCommand),
    /// Create, change, enable and restart resources
    #[command(subcommand, after_help = EXIT)]
    Resource(cluster_commands::ResourceCommand),
    /// Create, change, move and explain resource groups
    #[command(subcommand, after_help = EXIT)]
    Group(cluster_commands::GroupCommand),
    /// Look at the whole cluster, and its settings
    #[command(subcommand, after_help = EXIT)]
    Cluster(cluster_commands::ClusterCommand),
    /// Create, remove and list accounts, and set passwords, whether the service runs or not
    #[command(subcommand, after_help = EXIT)]
    Account(AccountCommand),
    /// Write everything the service keeps into one file, while it runs or not
    #[command(after_help = example!["steadfast backup /backup/steadfast-monday.db"])]
    Backup(BackupArgs),
    /// Put back what `backup` wrote, after checking it; what is replaced is kept beside it
    #[command(after_help = example!["steadfast restore /backup/steadfast-monday.db"])]
    Restore(RestoreArgs),
    /// Log in, send a message to oneself, and report how long each step took
    #[command(after_help = example!["steadfast probe", "steadfast probe --account \
        romeo@example.org --password-stdin < password"])]
    Probe(ProbeArgs),
    /// Check a configuration and print every effective value and where it comes from
    #[command(after_help = example!["steadfast check-config --config \
        /etc/steadfast/steadfast.toml"])]
    CheckConfig(CheckConfigArgs),
    /// Print completions for a shell
    #[command(after_help = example!["steadfast completions bash > \
        /etc/bash_completion.d/steadfast"])]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Make scrgadm, scswitch, scstat, pmfadm and scha_* as links to this program
    #[command(after_help = example!["steadfast links --to /usr/cluster/bin"])]
    Links {
        /// The folder; made when it is not there. What is no link to this program is never replaced
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Write the manual pages of all commands into a folder
    #[command(after_help = example!["steadfast man-pages /usr/local/share/man/man1"])]
    ManPages {
        /// The folder; made when it is not there
        folder: PathBuf,
    },
    /// Print the version
    #[command(after_help = EXIT)]
    Version,
    /// Print a generated page of the documentation
    #[command(hide = true)]
    Documentation {
        /// Which page
        page: Page,
    },
}

/// Pages of the documentation that are generated.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    /// docs/configuration.md
    Configuration,
    /// docs/commands.md
    Commands,
    /// docs/cluster-commands.md
    ClusterCommands,
}

/// Which configuration.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: $STEADFAST_CONFIG, else /etc/steadfast/steadfast.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one key, over the file and the environment; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The same as --set log.level=LEVEL
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

/// Which service.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServiceArgs {
    /// Folder of `steadfast up` [default: ./steadfast-data, when there is no configuration file]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// `up`.
#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Folder for everything that is kept; made when it is not there
    #[arg(long, value_name = "DIR", default_value = "./steadfast-data")]
    pub(crate) data: PathBuf,
    /// Listen on PORT (STARTTLS), PORT+1 (direct TLS) and PORT+2 (metrics) [default: 5222, 5223 and 9580]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub(crate) port_base: Option<u16>,
    /// Least important messages to log [default: warn]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

/// `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print a commented configuration file with all defaults, and do nothing else
    #[arg(long)]
    pub(crate) print_default_config: bool,
}

/// `node`.
#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    /// What the node must know before it can ask the control store [default: /etc/steadfast/node.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print a commented configuration file with all defaults, and do nothing else
    #[arg(long)]
    pub(crate) print_default_config: bool,
    /// Be the daemon, which the guard starts
    #[arg(long, hide = true)]
    pub(crate) daemon: bool,
    #[command(subcommand)]
    pub(crate) verb: Option<cluster_commands::NodeCommand>,
}

/// `check-config`.
#[derive(Args, Debug)]
pub(crate) struct CheckConfigArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a commented configuration file with all defaults, and do nothing else
    #[arg(long)]
    pub(crate) print_default: bool,
}

/// `account`.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Create an account, or many from a file
    #[command(after_help = example![
        "steadfast account add romeo@example.org",
        "steadfast account add --file users.csv      # lines of jid,password",
    ])]
    Add {
        /// Its address
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        jid: Option<String>,
        /// CSV file with jid,password on each line; a first line that says so is skipped, more columns are ignored
        #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
        file: Option<PathBuf>,
        /// Take the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        service: ServiceArgs,
    },
    /// Remove an account with its roster, archive and sessions
    #[command(after_help = example!["steadfast account remove romeo@example.org"])]
    Remove {
        /// Its address
        jid: String,
        #[command(flatten)]
        service: ServiceArgs,
    },
    /// Set an account's password, which ends its sessions
    #[command(after_help = example!["steadfast account passwd romeo@example.org"])]
    Passwd {
        /// Its address
        jid: String,
        /// Take the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        service: ServiceArgs,
    },
    /// List all accounts
    #[command(after_help = example!["steadfast account list", "steadfast account list --json"])]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        service: ServiceArgs,
    },
}

/// `backup`.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// File to write; must not exist
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// `restore`.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// File that `backup` wrote
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// `probe`.
#[derive(Args, Debug)]
pub(crate) struct ProbeArgs {
    /// Address to log in as [default: the first account of `steadfast up`]
    #[arg(long, value_name = "JID", requires = "password_stdin")]
    pub(crate) account: Option<String>,
    /// Take the password from the first line of standard input
    #[arg(long, requires = "account")]
    pub(crate) password_stdin: bool,
    /// Where to connect [default: the first listener of the configuration, else the address's domain]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// TLS from the first byte instead of STARTTLS
    #[arg(long)]
    pub(crate) direct_tls: bool,
    /// Accept any certificate; always so on a loopback address
    #[arg(long)]
    pub(crate) insecure: bool,
    /// PEM file with the authorities to trust instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Give up a step after this time
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::config::span)]
    pub(crate) timeout: std::time::Duration,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_its_exit_codes() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains("Exit codes:"),
                "{} has no exit codes in its help",
                command.get_name()
            );
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).for_each(check);
        }
        check(&Cli::command());
    }
}
