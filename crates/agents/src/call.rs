//! A method's command line (rt_callbacks(1HA)): `-R resource -T type -G group`, for VALIDATE also `-c` or `-u` and the proposed values, for programs
//! such as the probe loop a command behind `--`.

use crate::failure::{Failure, Outcome, wrong};
use rgm::{GroupName, ResourceName, TypeName};

/// What VALIDATE is told about the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not VALIDATE: all values are the committed ones.
    Committed,
    /// `-c`: the resource is being created; all values are given.
    Creation,
    /// `-u`: only values that change are given.
    Update,
}

/// One proposed value, unsplit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposed {
    pub(crate) property: String,
    /// `-X`: for this node (by name or id) alone.
    pub(crate) node: Option<String>,
    pub(crate) text: String,
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) resource: ResourceName,
    pub(crate) type_name: TypeName,
    pub(crate) group: GroupName,
    pub(crate) stage: Stage,
    /// Of the resource (`-r`, `-x`, `-X`).
    pub(crate) proposed: Vec<Proposed>,
    /// Behind `--`.
    pub(crate) command: Vec<String>,
}

impl Call {
    /// Understands a command line.
    pub(crate) fn parse(arguments: &[String]) -> Outcome<Self> {
        let (mut resource, mut type_name, mut group) = (None, None, None);
        let (mut stage, mut proposed, mut command) = (Stage::Committed, Vec::new(), Vec::new());
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match option.as_str() {
                "-c" => stage = Stage::Creation,
                "-u" => stage = Stage::Update,
                "--" => command = rest.by_ref().cloned().collect(),
                "-R" => resource = Some(ResourceName::new(argument(option, rest.next())?)),
                "-T" => type_name = Some(TypeName::new(argument(option, rest.next())?)),
                "-G" => group = Some(GroupName::new(argument(option, rest.next())?)),
                "-r" | "-x" | "-X" => proposed.push(assignment(argument(option, rest.next())?)?),
                // The group's properties are of no interest to any built-in type, the zone is Solaris'.
                "-g" | "-Z" => drop(argument(option, rest.next())?),
                other => return wrong(format!("unknown option {other}; methods take -R -T -G")),
            }
        }
        let missing =
            |option| Failure::Wrong(format!("{option} is missing; methods take -R -T -G"));
        Ok(Self {
            resource: resource.ok_or_else(|| missing("-R"))?,
            type_name: type_name.ok_or_else(|| missing("-T"))?,
            group: group.ok_or_else(|| missing("-G"))?,
            stage,
            proposed,
            command,
        })
    }
}

fn argument<'a>(option: &str, value: Option<&'a String>) -> Outcome<&'a str> {
    match value {
        Some(value) => Ok(value),
        None => wrong(format!("{option} needs an argument")),
    }
}

/// `name=value` or `name{node}=value`.
fn assignment(text: &str) -> Outcome<Proposed> {
    let Some((name, value)) = text.split_once('=') else {
        return wrong(format!("{text} is not property=value"));
    };
    let (property, node) = match name.strip_suffix('}').and_then(|n| n.split_once('{')) {
        Some((property, node)) => (property, Some(node.to_owned())),
        None => (name, None),
    };
    Ok(Proposed { property: property.to_owned(), node, text: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Call, String> {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Call::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn validate_is_told_values_for_all_nodes_and_for_one() {
        let call = parse("-c -R r -T t -G g -r Port_list=80/tcp -x A=b=c -X B{n1}=d -g Failback=x");
        let call = call.unwrap();
        assert_eq!((call.resource.as_str(), call.stage), ("r", Stage::Creation));
        let of = |property: &str, node: Option<&str>, text: &str| Proposed {
            property: property.to_owned(),
            node: node.map(str::to_owned),
            text: text.to_owned(),
        };
        let expect =
            [of("Port_list", None, "80/tcp"), of("A", None, "b=c"), of("B", Some("n1"), "d")];
        assert_eq!(call.proposed, expect);
    }

    #[test]
    fn what_follows_two_dashes_is_the_command() {
        let call = parse("-R r -T t -G g -- probe -R x").unwrap();
        assert_eq!(call.command, ["probe", "-R", "x"]);
    }

    #[test]
    fn wrong_command_lines_are_told_what_is_wrong() {
        for (text, expect) in [
            ("-R r -T t", "-G is missing"),
            ("-R", "-R needs an argument"),
            ("-R r -T t -G g -q", "unknown option -q"),
            ("-u -R r -T t -G g -x A", "A is not property=value"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }
}
