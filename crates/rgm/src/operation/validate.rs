//! The VALIDATE runs that a change needs: `-c` with everything when a resource is created, `-u` with only what changes afterwards
//! (rt_callbacks(1HA)). On the members among Init_nodes; nowhere if none is a member.
//!
//! The values are the proposed ones. Nothing is run here.

use super::Check;
use super::draft::Draft;
use super::setting::Changed;
use crate::names::{GroupName, ResourceName};
use rtr::Method;
use rtr::properties::{Category, GROUP};

fn assignment(name: &str, value: &[String]) -> String {
    format!("{name}={}", value.join(","))
}

fn pair(flag: &str, text: String) -> [String; 2] {
    [flag.to_owned(), text]
}

impl Draft<'_> {
    /// `-c`: all system-defined, extension and group properties.
    pub(crate) fn validate_creation(&mut self, name: &ResourceName) {
        let config = &self.new.config;
        let Some(resource) = config.resources.get(name) else { return };
        let Some(of_type) = config.type_of(resource) else { return };
        let mut arguments: Vec<String> = Vec::new();
        for property in of_type.rtr.effective_properties() {
            if property.category == Category::QueryOnly {
                continue;
            }
            let value = config.property(name, resource, &property.name, None).unwrap_or_default();
            let flag = if property.extension { "-x" } else { "-r" };
            arguments.extend(pair(flag, assignment(&property.name, &value)));
            let set = resource.values.get(&property.name.as_str().into());
            for (node, value) in set.into_iter().flat_map(|s| &s.per_node) {
                let whole = assignment(&format!("{}{{{node}}}", property.name), value);
                arguments.extend(pair("-X", whole));
            }
        }
        if let Some(group) = config.groups.get(&resource.group) {
            for row in GROUP.iter().filter(|row| row.category != Category::QueryOnly) {
                if let Some(value) = group.property(&resource.group, row.name) {
                    arguments.extend(pair("-g", assignment(row.name, &value)));
                }
            }
        }
        self.validate(name, "-c", &arguments);
    }

    /// `-u`: only what changes.
    pub(crate) fn validate_change(&mut self, name: &ResourceName, changed: &[Changed]) {
        let argument = |c: &Changed| match (&c.node, c.extension) {
            (Some(node), _) => pair("-X", assignment(&format!("{}{{{node}}}", c.name), &c.value)),
            (None, true) => pair("-x", assignment(&c.name, &c.value)),
            (None, false) => pair("-r", assignment(&c.name, &c.value)),
        };
        let arguments: Vec<String> = changed.iter().flat_map(argument).collect();
        self.validate(name, "-u", &arguments);
    }

    /// `-u` of every resource of a group whose properties change.
    pub(crate) fn validate_group(&mut self, group: &GroupName, changed: &[&'static str]) {
        let Some(of) = self.new.config.groups.get(group) else { return };
        let arguments: Vec<String> = changed
            .iter()
            .filter_map(|name| Some(pair("-g", assignment(name, &of.property(group, name)?))))
            .flatten()
            .collect();
        for name in self.names_in(group) {
            self.validate(&name, "-u", &arguments);
        }
    }

    fn validate(&mut self, name: &ResourceName, why: &str, arguments: &[String]) {
        let config = &self.new.config;
        let Some(mut call) = config.call(name, Method::Validate, arguments) else { return };
        call.arguments.insert(0, why.to_owned());
        let nodes = config.resources.get(name).map(|r| config.init_nodes(r)).unwrap_or_default();
        for node in nodes.into_iter().filter(|node| self.cluster.is_member(node)) {
            self.new.checks.push(Check { node, call: call.clone() });
        }
    }
}
