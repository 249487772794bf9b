//! How a command is to be carried out: the options that every verb has, found in whichever verb was typed.

use super::arguments::{
    At, Change, ClusterCli, ClusterCommand, GroupCommand, NodeCommand, ResourceCommand, TypeCommand,
};

/// The options that every command has.
pub(super) fn at(command: &ClusterCli) -> At {
    match command {
        ClusterCli::Type(of) => match of {
            TypeCommand::Register { change, .. } | TypeCommand::Unregister { change, .. } => {
                change.at.clone()
            }
            TypeCommand::List { at }
            | TypeCommand::Show { at, .. }
            | TypeCommand::Check { at, .. } => at.clone(),
            TypeCommand::Format { .. } => At::default(),
        },
        ClusterCli::Resource(of) => match of {
            ResourceCommand::Status(named) | ResourceCommand::Show(named) => named.at.clone(),
            ResourceCommand::List { at } => at.clone(),
            of => change_of_resource(of).at.clone(),
        },
        ClusterCli::Group(of) => match of {
            GroupCommand::Status(named) | GroupCommand::Show(named) => named.at.clone(),
            GroupCommand::List { at } | GroupCommand::Explain { at, .. } => at.clone(),
            of => change_of_group(of).at.clone(),
        },
        ClusterCli::Node(of) => match of {
            NodeCommand::Status(named) => named.at.clone(),
            NodeCommand::List { at } | NodeCommand::Leave { at } => at.clone(),
            of => change_of_node(of).at.clone(),
        },
        ClusterCli::Cluster(of) => match of {
            ClusterCommand::Set { change, .. } => change.at.clone(),
            ClusterCommand::Status { at, .. }
            | ClusterCommand::Show { at }
            | ClusterCommand::Watch { at }
            | ClusterCommand::Check { at } => at.clone(),
        },
    }
}

pub(super) fn change_of_resource(of: &ResourceCommand) -> Change {
    match of {
        ResourceCommand::Create { change, .. } | ResourceCommand::Set { change, .. } => {
            change.clone()
        }
        ResourceCommand::Delete(r)
        | ResourceCommand::Enable(r)
        | ResourceCommand::Disable(r)
        | ResourceCommand::Monitor(r)
        | ResourceCommand::Unmonitor(r)
        | ResourceCommand::Restart(r)
        | ResourceCommand::Clear(r) => r.change.clone(),
        ResourceCommand::Status(_) | ResourceCommand::Show(_) | ResourceCommand::List { .. } => {
            Change::default()
        }
    }
}

pub(super) fn change_of_group(of: &GroupCommand) -> Change {
    match of {
        GroupCommand::Create { change, .. }
        | GroupCommand::Set { change, .. }
        | GroupCommand::Switch { change, .. }
        | GroupCommand::Online { change, .. }
        | GroupCommand::Restart { change, .. } => change.clone(),
        GroupCommand::Delete(g)
        | GroupCommand::Offline(g)
        | GroupCommand::Manage(g)
        | GroupCommand::Unmanage(g) => g.change.clone(),
        GroupCommand::Remaster(g)
        | GroupCommand::Resume(g)
        | GroupCommand::Suspend { groups: g, .. }
        | GroupCommand::Quiesce { groups: g, .. } => g.change.clone(),
        GroupCommand::Status(_)
        | GroupCommand::Show(_)
        | GroupCommand::Explain { .. }
        | GroupCommand::List { .. } => Change::default(),
    }
}

pub(super) fn change_of_node(of: &NodeCommand) -> Change {
    match of {
        NodeCommand::Add(n) | NodeCommand::Remove(n) | NodeCommand::ConfirmDead(n) => {
            n.change.clone()
        }
        NodeCommand::Evacuate { change, .. }
        | NodeCommand::Maintenance { change, .. }
        | NodeCommand::Fencing { change, .. } => change.clone(),
        NodeCommand::Status(_) | NodeCommand::List { .. } | NodeCommand::Leave { .. } => {
            Change::default()
        }
    }
}
