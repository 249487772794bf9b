//! What can be typed after `steadfast`. Help and usage errors come from here; nothing is done here.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The families of commands.
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterCli {
    /// Resource types: what can be made highly available
    #[command(subcommand)]
    Type(TypeCommand),
    /// Resources: what is made highly available
    #[command(subcommand)]
    Resource(ResourceCommand),
    /// Resource groups: what runs on one node together, and moves together
    #[command(subcommand)]
    Group(GroupCommand),
    /// Nodes: where groups run
    #[command(subcommand)]
    Node(NodeCommand),
    /// The cluster as a whole
    #[command(subcommand)]
    Cluster(ClusterCommand),
}

/// Whom to ask, and how to show the answer.
#[derive(Clone, Debug, Default, Args)]
pub struct At {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Socket of the node daemon
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// The same for what changes something.
#[derive(Clone, Debug, Default, Args)]
pub struct Change {
    /// Whom to ask.
    #[command(flatten)]
    pub at: At,
    /// Wait until it has come true (the default)
    #[arg(long, conflicts_with = "no_wait")]
    pub wait: bool,
    /// End as soon as it is accepted
    #[arg(long)]
    pub no_wait: bool,
    /// Wait at most so long; the operation goes on
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: Option<u32>,
}

macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("Examples:\n", $("  ", $line, "\n",)+ "\nExit codes: 0 done, 1 failed (standard error says why), 2 not understood.")
    };
}

/// `steadfast type`
#[derive(Clone, Debug, Subcommand)]
pub enum TypeCommand {
    /// Register a type from its RTR file (built-in types need none)
    #[command(after_help = examples!["steadfast type register SUNW.iim", "steadfast type register ACME.web --file ./ACME.web"])]
    Register {
        /// Name, such as SUNW.iim
        name: String,
        /// The file, or a directory that holds it
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        /// Only on these nodes is its software installed
        #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
        nodes: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Unregister a type that no resource has
    #[command(after_help = examples!["steadfast type unregister SUNW.iim"])]
    Unregister {
        /// Name
        name: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// List the registered types
    #[command(after_help = examples!["steadfast type list", "steadfast type list --json"])]
    List {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Show a type: its methods and what its resources can be told
    #[command(after_help = examples!["steadfast type show SUNW.gds"])]
    Show {
        /// Name; built-in types need not be registered
        name: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Check an RTR file and say what is wrong with it
    #[command(after_help = examples!["steadfast type check ./ACME.web"])]
    Check {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Print an RTR file in its canonical form
    #[command(after_help = examples!["steadfast type format ./ACME.web > ACME.web.new"])]
    Format {
        /// The file
        file: PathBuf,
    },
}

/// `steadfast resource`
#[derive(Clone, Debug, Subcommand)]
pub enum ResourceCommand {
    /// Create a resource, enabled unless told otherwise
    #[command(after_help = examples!["steadfast resource create www --type LogicalHostname --group web -p HostnameList=www", "steadfast resource create httpd --type gds --group web -p Start_command=/opt/web/start -p Port_list=80/tcp"])]
    Create {
        /// Name
        name: String,
        /// Its type
        #[arg(long = "type", value_name = "TYPE")]
        type_name: String,
        /// Its group
        #[arg(long, value_name = "GROUP")]
        group: String,
        /// Property, system-defined or extension; NAME{node}=VALUE for one node
        #[arg(short, long = "property", value_name = "NAME=VALUE")]
        properties: Vec<String>,
        /// Create it disabled
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Delete disabled resources
    #[command(after_help = examples!["steadfast resource delete httpd"])]
    Delete(Resources),
    /// Change properties of a resource
    #[command(after_help = examples!["steadfast resource set httpd -p Retry_count=4"])]
    Set {
        /// Name
        name: String,
        /// Property, system-defined or extension; NAME{node}=VALUE for one node
        #[arg(short, long = "property", value_name = "NAME=VALUE", required = true)]
        properties: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Enable resources: start them where their group is online
    #[command(after_help = examples!["steadfast resource enable httpd"])]
    Enable(Resources),
    /// Disable resources: stop them
    #[command(after_help = examples!["steadfast resource disable httpd --timeout 60"])]
    Disable(Resources),
    /// Enable the fault monitors of resources
    #[command(after_help = examples!["steadfast resource monitor httpd"])]
    Monitor(Resources),
    /// Disable the fault monitors of resources; they go on running
    #[command(after_help = examples!["steadfast resource unmonitor httpd"])]
    Unmonitor(Resources),
    /// Restart resources in place, wherever they are online
    #[command(after_help = examples!["steadfast resource restart httpd"])]
    Restart(Resources),
    /// Say that resources in state "Stop failed" are stopped now
    #[command(after_help = examples!["steadfast resource clear httpd --node n1"])]
    Clear(Resources),
    /// Show the state of resources
    #[command(after_help = examples!["steadfast resource status", "steadfast resource status httpd --json"])]
    Status(Named),
    /// Show the properties of resources
    #[command(after_help = examples!["steadfast resource show httpd"])]
    Show(Named),
    /// List the resources
    #[command(after_help = examples!["steadfast resource list"])]
    List {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
}

/// Resources, and perhaps nodes.
#[derive(Clone, Debug, Args)]
pub struct Resources {
    /// Names
    #[arg(required = true, value_name = "RESOURCE")]
    pub names: Vec<String>,
    /// Only on these nodes (enable, disable, monitor, unmonitor, clear)
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub change: Change,
}

/// Things to be shown; none: all.
#[derive(Clone, Debug, Args)]
pub struct Named {
    /// Names; none: all
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Show more; twice: even more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Whom to ask.
    #[command(flatten)]
    pub at: At,
}

/// Groups that something is done with.
#[derive(Clone, Debug, Args)]
pub struct Groups {
    /// Names
    #[arg(required = true, value_name = "GROUP")]
    pub names: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub change: Change,
}

/// Groups, or all.
#[derive(Clone, Debug, Args)]
pub struct SomeGroups {
    /// Names
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "GROUP")]
    pub names: Vec<String>,
    /// All managed groups
    #[arg(long)]
    pub all: bool,
    /// How to wait.
    #[command(flatten)]
    pub change: Change,
}

/// `steadfast group`
#[derive(Clone, Debug, Subcommand)]
pub enum GroupCommand {
    /// Create a group, unmanaged and empty
    #[command(after_help = examples!["steadfast group create web --node n1,n2", "steadfast group create web --node n1,n2 -p Failback=TRUE"])]
    Create {
        /// Name
        name: String,
        /// Nodes that may run it, the most preferred first (default: all)
        #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
        nodes: Vec<String>,
        /// Property
        #[arg(short, long = "property", value_name = "NAME=VALUE")]
        properties: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Delete groups without resources
    #[command(after_help = examples!["steadfast group delete web"])]
    Delete(Groups),
    /// Change properties of a group
    #[command(after_help = examples!["steadfast group set web -p Pingpong_interval=600", "steadfast group set web --node n1,n2,n3"])]
    Set {
        /// Name
        name: String,
        /// Nodes that may run it, the most preferred first
        #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
        nodes: Vec<String>,
        /// Property
        #[arg(
            short,
            long = "property",
            value_name = "NAME=VALUE",
            required_unless_present = "nodes"
        )]
        properties: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Make exactly these nodes the primaries
    #[command(after_help = examples!["steadfast group switch web --node n2"])]
    Switch {
        /// Names
        #[arg(required = true, value_name = "GROUP")]
        names: Vec<String>,
        /// The primaries
        #[arg(long = "node", value_name = "NODE", value_delimiter = ',', required = true)]
        nodes: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Bring groups online, managing them first where that is needed
    #[command(after_help = examples!["steadfast group online web", "steadfast group online web --enable"])]
    Online {
        /// Names
        #[arg(required = true, value_name = "GROUP")]
        names: Vec<String>,
        /// Enable all their resources and monitors too
        #[arg(long)]
        enable: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Take groups offline everywhere
    #[command(after_help = examples!["steadfast group offline web"])]
    Offline(Groups),
    /// Bring groups online on their most preferred nodes
    #[command(after_help = examples!["steadfast group remaster web", "steadfast group remaster --all"])]
    Remaster(SomeGroups),
    /// Restart groups where they are online
    #[command(after_help = examples!["steadfast group restart web"])]
    Restart {
        /// Names
        #[arg(required = true, value_name = "GROUP")]
        names: Vec<String>,
        /// Only on these nodes
        #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
        nodes: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Take groups under management
    #[command(after_help = examples!["steadfast group manage web"])]
    Manage(Groups),
    /// Release groups whose resources are all disabled
    #[command(after_help = examples!["steadfast group unmanage web"])]
    Unmanage(Groups),
    /// No automatic start, stop, restart or failover any more
    #[command(after_help = examples!["steadfast group suspend web", "steadfast group suspend --all --kill"])]
    Suspend {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        groups: SomeGroups,
        /// Kill the methods that run
        #[arg(long)]
        kill: bool,
    },
    /// The opposite of suspend
    #[command(after_help = examples!["steadfast group resume web"])]
    Resume(SomeGroups),
    /// Stop groups from moving on, and wait until they are at rest
    #[command(after_help = examples!["steadfast group quiesce web --kill"])]
    Quiesce {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        groups: SomeGroups,
        /// Kill the methods that run
        #[arg(long)]
        kill: bool,
    },
    /// Show the state of groups and their resources
    #[command(after_help = examples!["steadfast group status", "steadfast group status web -vv"])]
    Status(Named),
    /// Show the properties of groups and their resources
    #[command(after_help = examples!["steadfast group show web"])]
    Show(Named),
    /// Tell why a group is where it is, what it waits for, and why it is on no other node
    #[command(after_help = examples!["steadfast group explain web"])]
    Explain {
        /// Name
        name: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// List the groups
    #[command(after_help = examples!["steadfast group list"])]
    List {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
}

/// `steadfast node`
#[derive(Clone, Debug, Subcommand)]
pub enum NodeCommand {
    /// List the nodes
    #[command(after_help = examples!["steadfast node list"])]
    List {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Show the state of nodes
    #[command(after_help = examples!["steadfast node status", "steadfast node status n2 --json"])]
    Status(Named),
    /// Allow a node into the cluster
    #[command(after_help = examples!["steadfast node add n3"])]
    Add(OneNode),
    /// Remove a node that is stopped and in no group's Nodelist
    #[command(after_help = examples!["steadfast node remove n3"])]
    Remove(OneNode),
    /// Move everything away from nodes
    #[command(after_help = examples!["steadfast node evacuate n1 --hold 300"])]
    Evacuate {
        /// Names
        #[arg(required = true, value_name = "NODE")]
        names: Vec<String>,
        /// Seconds for which they get nothing back
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=65_535))]
        hold: u32,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Put a node into maintenance: it gets no groups; or take it out again
    #[command(after_help = examples!["steadfast node maintenance n1", "steadfast node maintenance n1 --off"])]
    Maintenance {
        /// Name
        name: String,
        /// Out of maintenance
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Set the fence agent that makes a node harmless when it is lost
    #[command(after_help = examples!["steadfast node fencing n1 --agent fence_ipmilan -o ip=10.0.0.1 -o username=admin -o password=@/etc/steadfast/ipmi-n1", "steadfast node fencing n1 --none"])]
    Fencing {
        /// Name
        name: String,
        /// Program of the fence-agents collection, or its path
        #[arg(long, value_name = "PROGRAM", required_unless_present = "none")]
        agent: Option<String>,
        /// Option of the agent; NAME=@FILE takes the value from a file (write @@ for one @), as passwords should be given
        #[arg(short, long = "option", value_name = "NAME=VALUE")]
        options: Vec<String>,
        /// Seconds it may take
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
        agent_timeout: u32,
        /// No fencing any more
        #[arg(long, conflicts_with_all = ["agent", "options"])]
        none: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Vouch that a lost node is off or otherwise harmless
    #[command(after_help = examples!["steadfast node confirm-dead n1"])]
    ConfirmDead(OneNode),
    /// Leave the cluster in order, and end the daemon of this node
    #[command(after_help = examples!["steadfast node leave"])]
    Leave {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
}

/// A node that something is done with.
#[derive(Clone, Debug, Args)]
pub struct OneNode {
    /// Name
    #[arg(value_name = "NODE")]
    pub name: String,
    /// How to wait.
    #[command(flatten)]
    pub change: Change,
}

/// `steadfast cluster`
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterCommand {
    /// Show the state of everything
    #[command(after_help = examples!["steadfast cluster status", "steadfast cluster status --check || alarm"])]
    Status {
        /// Exit with 1 when a node is down, a group is not where it should be, or something is faulted
        #[arg(long)]
        check: bool,
        /// Show more; twice: even more
        #[arg(short, long, action = clap::ArgAction::Count)]
        verbose: u8,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Show the state and the last decisions, always up to date; without a terminal print the decisions as they are made
    #[command(after_help = examples!["steadfast cluster watch", "steadfast cluster watch | tee decisions", "steadfast cluster watch --json | jq .sentence"])]
    Watch {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Show the settings of the cluster
    #[command(after_help = examples!["steadfast cluster show"])]
    Show {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
    /// Change settings of the cluster
    #[command(after_help = examples!["steadfast cluster set sticky_offline=TRUE"])]
    Set {
        /// Settings
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        change: Change,
    },
    /// Look for what an operator should mend; exit with 1 when there is something
    #[command(after_help = examples!["steadfast cluster check"])]
    Check {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show it")]
        at: At,
    },
}
