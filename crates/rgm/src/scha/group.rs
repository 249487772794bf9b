//! `scha_resourcegroup_get`.

use super::{Arguments, Asker, lines, one, unknown_tag_of};
use crate::model::Refusal;
use crate::names::GroupName;
use crate::operation::find;
use crate::words::truth;
use rtr::properties::GROUP;

impl Asker<'_> {
    /// `scha_resourcegroup_get -O tag -G group [arguments]`
    pub fn resourcegroup_get(
        &self,
        tag: &str,
        name: &GroupName,
        arguments: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let group = find::group(self.cluster, name)?;
        let mut rest = Arguments::new(tag, arguments);
        let answer = match tag.to_ascii_uppercase().as_str() {
            "RG_STATE" => one(self.cluster.group_state(name, self.node).token()),
            "RG_STATE_NODE" => {
                let node = rest.node(self.cluster)?;
                one(self.cluster.group_state(name, &node).token())
            }
            // No global devices are switched here, so nothing is ever frozen.
            "RG_IS_FROZEN" => one(truth(false)),
            "RESOURCE_LIST" => {
                self.cluster.config.resources_of(name).map(|(r, _)| r.to_string()).collect()
            }
            _ => match (rtr::properties::group(tag), group.property(name, tag)) {
                (Some(row), Some(value)) => lines(value, row.kind.kind().is_array()),
                _ => {
                    let known = GROUP.iter().map(|row| row.name).chain(["RG_STATE_NODE"]);
                    return Err(unknown_tag_of("scha_resourcegroup_get", tag, known));
                }
            },
        };
        rest.end()?;
        Ok(answer)
    }
}
