//! One file per command; what each needs to be told is in `cli.rs`.

mod account;
mod backup;
mod check_config;
mod documentation;
mod links;
mod probe;
mod serve;
mod up;

use crate::Failed;
use crate::cli::{Cli, Command, ConfigArgs, NodeArgs, ServiceArgs};
use crate::config::{Config, Layers, load};
use crate::terminal::remark;
use anyhow::Result;
use clap::CommandFactory;
use cluster_commands::{ClusterCli, run_modern};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the configuration is looked for when nothing names it.
const USUAL_FILE: &str = "/etc/steadfast/steadfast.toml";
/// Where `up` keeps its data unless told otherwise.
const UP_FOLDER: &str = "./steadfast-data";

/// Runs what was typed. Commands of the cluster have exit codes of their own.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Node(NodeArgs { verb: Some(verb), .. }) => Ok(run_modern(ClusterCli::Node(verb))),
        Command::Node(args) if args.print_default_config => {
            crate::terminal::answer(node::config::default_file())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Node(args) => crate::cluster::node(args.config, args.daemon),
        Command::Type(verb) => Ok(run_modern(ClusterCli::Type(verb))),
        Command::Resource(verb) => Ok(run_modern(ClusterCli::Resource(verb))),
        Command::Group(verb) => Ok(run_modern(ClusterCli::Group(verb))),
        Command::Cluster(verb) => Ok(run_modern(ClusterCli::Cluster(verb))),
        command => run_service_command(command).map(|()| ExitCode::SUCCESS),
    }
}

fn run_service_command(command: Command) -> Result<()> {
    match command {
        // The cluster's, which `run` has taken.
        Command::Node(_)
        | Command::Type(_)
        | Command::Resource(_)
        | Command::Group(_)
        | Command::Cluster(_) => Ok(()),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Serve(args) if args.print_default_config => {
            Ok(crate::terminal::answer(&crate::config::default_file())?)
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "steadfast", &mut text);
            let mut text = String::from_utf8(text)?;
            text.push_str(&of_sun_commands(shell));
            Ok(crate::terminal::answer(&text)?)
        }
        Command::Version => {
            Ok(crate::terminal::answer_line(concat!("steadfast ", env!("CARGO_PKG_VERSION")))?)
        }
        Command::Probe(args) => probe::run(&args),
        Command::Links { to } => {
            for_everybody();
            links::run(&to)
        }
        Command::ManPages { folder } => {
            for_everybody();
            documentation::write_man_pages(&folder)
        }
        Command::Documentation { page } => documentation::run(page),
        Command::Up(args) => up::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Account(command) => account::run(&command),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
    }
}

/// What these commands write is to be found by every user, unlike what the service keeps.
fn for_everybody() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// Completions of `scrgadm` and the others, for the shells that have them.
fn of_sun_commands(shell: clap_complete::Shell) -> String {
    let shell = match shell {
        clap_complete::Shell::Bash => cluster_commands::Shell::Bash,
        clap_complete::Shell::Zsh => cluster_commands::Shell::Zsh,
        clap_complete::Shell::Fish => cluster_commands::Shell::Fish,
        _ => return String::new(),
    };
    cluster_commands::completions(shell)
}

/// All layers for these arguments: the file they name or the usual one, the environment, the flags.
pub(crate) fn layers(args: &ConfigArgs) -> Result<Layers> {
    let environment: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| name.starts_with("STEADFAST_")).collect();
    let mut flags = Vec::new();
    for set in &args.set {
        let Some((key, value)) = set.split_once('=') else {
            anyhow::bail!("--set {set}: write --set KEY=VALUE, such as --set log.level=debug");
        };
        flags.push((key.trim().to_owned(), value.to_owned(), format!("--set {set}")));
    }
    if let Some(level) = &args.log {
        flags.push(("log.level".to_owned(), level.clone(), format!("--log {level}")));
    }
    Ok(Layers { file: file(args), environment, flags })
}

fn file(args: &ConfigArgs) -> Option<PathBuf> {
    let named =
        args.config.clone().or_else(|| std::env::var_os("STEADFAST_CONFIG").map(PathBuf::from));
    named.or_else(|| Path::new(USUAL_FILE).exists().then(|| PathBuf::from(USUAL_FILE)))
}

/// The configuration of a service that is administered: of the folder of `up`, of a file, or of the usual places.
pub(crate) fn service_config(args: &ServiceArgs) -> Result<Config> {
    let data = args.data.clone().or_else(|| falls_to_up(args).then(|| PathBuf::from(UP_FOLDER)));
    let Some(data) = data else { return checked(&layers(&args.config)?) };
    let file = data.join(crate::up::CONFIG_FILE);
    if !file.exists() {
        anyhow::bail!(
            "{} has no {}; `steadfast up` makes it",
            data.display(),
            crate::up::CONFIG_FILE
        );
    }
    checked(&layers(&ConfigArgs { config: Some(file), ..args.config.clone() })?)
}

/// The configuration these layers give. Says everything that is wrong with it.
pub(crate) fn checked(layers: &Layers) -> Result<Config> {
    let loaded = load(layers);
    for problem in &loaded.settings.problems {
        remark(&problem.to_string());
    }
    Ok(loaded.config.ok_or(Failed)?)
}

/// Whether nothing says which service is meant and none of the usual places has one.
pub(crate) fn names_nothing(args: &ServiceArgs) -> bool {
    args.data.is_none() && file(&args.config).is_none() && !falls_to_up(args)
}

fn falls_to_up(args: &ServiceArgs) -> bool {
    file(&args.config).is_none() && Path::new(UP_FOLDER).join(crate::up::CONFIG_FILE).exists()
}
