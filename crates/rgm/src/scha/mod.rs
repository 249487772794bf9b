//! The answers of `scha_resource_get`, `scha_resourcegroup_get`, `scha_resourcetype_get` and `scha_cluster_get`, from the cluster. Pure.
//!
//! An answer is the lines to print: numbers in decimal, TRUE or FALSE, enumeration names, arrays one element a line (so an empty array is no
//! line, an empty string an empty one). Tags and property names in any case. A resource whose FINI this node still owes answers
//! here as it was. Nothing is ever changed, and no tag of one command answers another.
//! Facts: scha_resource_get(1HA) and its neighbours.

mod cluster;
mod group;
mod resource;

use crate::model::{Cluster, Refusal};
use crate::names::NodeName;
use crate::operation::find;
use crate::operation::refusal::{refusals, shown};

refusals! {
    unknown_tag(command, typed, near): Tag = "{command} has no tag {typed}; did you mean {near}?";
    unknown_tag_list(command, typed): Tag =
        "{command} has no tag {typed}; its manual page lists the tags";
    argument_needed(tag, what): Inval = "{tag} needs {what} after the tag; give it";
    argument_too_many(tag, argument): Inval = "{tag} does not take the argument {argument}; leave it out";
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// What the node knows.
    pub cluster: &'a Cluster,
    /// The node on which the command runs.
    pub node: &'a NodeName,
    /// Wall clock.
    pub now_ms: u64,
}

/// The arguments after the tag, used up one by one.
#[derive(Debug)]
struct Arguments<'a> {
    tag: &'a str,
    rest: std::slice::Iter<'a, String>,
}

impl<'a> Arguments<'a> {
    fn new(tag: &'a str, arguments: &'a [String]) -> Self {
        Self { tag, rest: arguments.iter() }
    }

    fn next(&mut self, what: &str) -> Result<&'a str, Refusal> {
        let next = self.rest.next().map(String::as_str);
        next.ok_or_else(|| argument_needed(self.tag.to_ascii_uppercase(), what))
    }

    /// A node of the cluster.
    fn node(&mut self, cluster: &Cluster) -> Result<NodeName, Refusal> {
        let node = NodeName::new(self.next("the name of a node")?);
        find::node(cluster, &node)?;
        Ok(node)
    }

    /// There is none left.
    fn end(mut self) -> Result<(), Refusal> {
        match self.rest.next() {
            Some(more) => Err(argument_too_many(self.tag.to_ascii_uppercase(), shown(more))),
            None => Ok(()),
        }
    }
}

/// The refusal of a tag that the command does not have.
fn unknown_tag_of<'a>(
    command: &str,
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Refusal {
    match rtr::nearest(typed, known) {
        Some(near) => unknown_tag(command, shown(typed), near.to_ascii_uppercase()),
        None => unknown_tag_list(command, shown(typed)),
    }
}

/// The lines of a value: an empty string is an empty line, an empty array none.
fn lines(value: Vec<String>, is_array: bool) -> Vec<String> {
    if value.is_empty() && !is_array { vec![String::new()] } else { value }
}

fn one(line: impl ToString) -> Vec<String> {
    vec![line.to_string()]
}
