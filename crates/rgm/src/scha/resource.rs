//! `scha_resource_get` and `scha_resourcetype_get`.

use super::{Arguments, Asker, lines, one, unknown_tag_of};
use crate::model::{Cluster, ObservedResource, Refusal, Resource};
use crate::names::{GroupName, NodeName, ResourceName, TypeName};
use crate::operation::find;
use crate::operation::refusal::{refusals, shown};
use crate::words::switch;
use rtr::properties::{Category, RESOURCE, TYPE};
use std::borrow::Cow;

const COMMAND: &str = "scha_resource_get";

refusals! {
    other_group(resource, its_group, group): Rg =
        "{resource} is in resource group {its_group}, not in {group}: give -G {its_group} or leave it out";
    is_extension(tag, property): Tag =
        "{tag} is an extension property: ask with -O EXTENSION {property}";
    no_extension(resource, typed): Prop =
        "{resource} has no extension property {typed}; scha_resource_get -O ALL_EXTENSIONS -R {resource} lists what it has";
    no_extension_near(resource, typed, near): Prop =
        "{resource} has no extension property {typed}; did you mean {near}?";
    not_declared(resource, property, of_type): Prop =
        "{resource} has no property {property}, because its type {of_type} does not declare it";
    no_interval(resource, property): Prop =
        "{property} of {resource} is undefined, because its type does not declare Retry_interval";
    type_lost(resource, of_type): Internal =
        "the resource type {of_type} of {resource} is not in the control store: register it again with scrgadm -a -t {of_type}";
}

/// Tags besides the names of properties.
const TAGS: [&str; 12] = [
    "EXTENSION",
    "EXTENSION_NODE",
    "ALL_EXTENSIONS",
    "GROUP",
    "STATUS",
    "STATUS_NODE",
    "RESOURCE_STATE",
    "RESOURCE_STATE_NODE",
    "ON_OFF_SWITCH_NODE",
    "MONITORED_SWITCH_NODE",
    "NUM_RG_RESTARTS_NODE",
    "NUM_RESOURCE_RESTARTS_NODE",
];

/// The resource that is asked about, with the cluster it is in.
struct About<'a> {
    cluster: Cow<'a, Cluster>,
    name: &'a ResourceName,
    resource: Resource,
}

impl Asker<'_> {
    /// `scha_resource_get -O tag -R resource [-G group] [arguments]`
    pub fn resource_get(
        &self,
        tag: &str,
        resource: &ResourceName,
        group: Option<&GroupName>,
        arguments: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let about = self.about(resource)?;
        if let Some(group) = group.filter(|g| **g != about.resource.group) {
            find::group(&about.cluster, group)?;
            return Err(other_group(resource, &about.resource.group, group));
        }
        let mut rest = Arguments::new(tag, arguments);
        let answer = self.resource_answer(&about, &tag.to_ascii_uppercase(), &mut rest)?;
        rest.end()?;
        Ok(answer)
    }

    /// The resource, or, when it is gone but its FINI is still owed here, as it was.
    fn about<'b>(&'b self, name: &'b ResourceName) -> Result<About<'b>, Refusal> {
        let owed = self.cluster.fini.get(self.node).and_then(|owed| owed.get(name));
        match (find::resource(self.cluster, name), owed) {
            (Ok(resource), _) => {
                Ok(About { cluster: Cow::Borrowed(self.cluster), name, resource: resource.clone() })
            }
            (Err(_), Some(owed)) => {
                let mut cluster = self.cluster.clone();
                let config = &mut cluster.config;
                config.resources.insert(name.clone(), owed.resource.clone());
                config
                    .types
                    .entry(owed.resource.type_name.clone())
                    .or_insert_with(|| owed.type_config.clone());
                let resource = owed.resource.clone();
                Ok(About { cluster: Cow::Owned(cluster), name, resource })
            }
            (Err(refusal), None) => Err(refusal),
        }
    }

    fn resource_answer(
        &self,
        about: &About<'_>,
        tag: &str,
        rest: &mut Arguments<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let (tag, node) = match tag.strip_suffix("_NODE") {
            Some(_) if tag == "EXTENSION_NODE" => (tag, self.node.clone()),
            Some(tag) if TAGS.contains(&format!("{tag}_NODE").as_str()) => {
                (tag, rest.node(&about.cluster)?)
            }
            _ => (tag, self.node.clone()),
        };
        let seen = about.cluster.resource_on(about.name, &node).cloned().unwrap_or_default();
        Ok(match tag {
            "GROUP" => one(&about.resource.group),
            "EXTENSION" => {
                about.extension(rest.next("the name of an extension property")?, &node)?
            }
            "EXTENSION_NODE" => {
                let property = rest.next("the name of an extension property")?;
                let node = rest.node(&about.cluster)?;
                about.extension(property, &node)?
            }
            "ALL_EXTENSIONS" => about.extensions()?,
            "STATUS" => vec![seen.status.token().to_owned(), seen.status_message],
            "STATUS_MSG" => one(seen.status_message),
            "RESOURCE_STATE" => one(seen.state.token()),
            "ON_OFF_SWITCH" => one(switch(about.resource.enabled.is_on(&node))),
            "MONITORED_SWITCH" => one(switch(about.resource.monitored.is_on(&node))),
            "NUM_RESOURCE_RESTARTS" => self.restarts(about, tag, &seen)?,
            "NUM_RG_RESTARTS" => self.restarts(about, tag, &seen)?,
            other => about.property(other, &node)?,
        })
    }

    /// Restarts inside the last Retry_interval.
    fn restarts(
        &self,
        about: &About<'_>,
        tag: &str,
        seen: &ObservedResource,
    ) -> Result<Vec<String>, Refusal> {
        let interval_s = about.cluster.config.number(&about.resource, "Retry_interval");
        let interval_s = interval_s.and_then(|s| u64::try_from(s).ok());
        let Some(interval_s) = interval_s else { return Err(no_interval(about.name, tag)) };
        let window_ms = interval_s.saturating_mul(1000);
        let all =
            if tag == "NUM_RG_RESTARTS" { &seen.group_restarts_ms } else { &seen.restarts_ms };
        // Either way: a time far ahead is that of a clock which was set back since.
        Ok(one(all.iter().filter(|at_ms| at_ms.abs_diff(self.now_ms) <= window_ms).count()))
    }

    /// `scha_resourcetype_get -O tag -T type`
    pub fn resourcetype_get(&self, tag: &str, type_name: &str) -> Result<Vec<String>, Refusal> {
        let (_, of_type) = find::type_named(self.cluster, type_name)?;
        let row = rtr::properties::resource_type(tag);
        let value = self.cluster.config.type_property(of_type, tag);
        match (row, value) {
            (Some(row), Some(value)) => Ok(lines(value, row.kind.kind().is_array())),
            _ => {
                let known = TYPE.iter().map(|row| row.name);
                Err(unknown_tag_of("scha_resourcetype_get", tag, known))
            }
        }
    }
}

impl About<'_> {
    fn rtr(&self) -> Result<&rtr::ResourceType, Refusal> {
        let of_type: &TypeName = &self.resource.type_name;
        let found = self.cluster.config.types.get(of_type);
        found.map(|t| &t.rtr).ok_or_else(|| type_lost(self.name, of_type))
    }

    /// Type of the value, then the value.
    fn extension(&self, typed: &str, node: &NodeName) -> Result<Vec<String>, Refusal> {
        let rtr = self.rtr()?;
        let has = rtr.effective_property(typed).filter(|p| p.extension);
        let Some(has) = has else {
            let all = rtr.properties.iter().filter(|p| p.extension).map(|p| p.name.as_str());
            return Err(match rtr::nearest(typed, all) {
                Some(near) => no_extension_near(self.name, shown(typed), near),
                None => no_extension(self.name, shown(typed)),
            });
        };
        let config = &self.cluster.config;
        let value = config.property(self.name, &self.resource, typed, Some(node));
        let mut answer = one(has.kind.keyword());
        answer.extend(lines(value.unwrap_or_default(), has.kind.is_array()));
        Ok(answer)
    }

    fn extensions(&self) -> Result<Vec<String>, Refusal> {
        let properties = self.rtr()?.effective_properties();
        Ok(properties.into_iter().filter(|p| p.extension).map(|p| p.name).collect())
    }

    /// A system-defined property of the resource, else one of its type.
    fn property(&self, tag: &str, node: &NodeName) -> Result<Vec<String>, Refusal> {
        let rtr = self.rtr()?;
        let config = &self.cluster.config;
        match rtr.effective_property(tag) {
            Some(p) if p.extension => return Err(is_extension(tag, p.name)),
            Some(p) if p.category != Category::QueryOnly => {
                let value = config.property(self.name, &self.resource, tag, Some(node));
                return Ok(lines(value.unwrap_or_default(), p.kind.is_array()));
            }
            _ => {}
        }
        let of_type = config.types.get(&self.resource.type_name);
        let row = rtr::properties::resource_type(tag);
        if let (Some(row), Some(of_type)) = (row, of_type) {
            let value = config.type_property(of_type, tag).unwrap_or_default();
            return Ok(lines(value, row.kind.kind().is_array()));
        }
        if let Some(row) = rtr::properties::resource(tag) {
            return Err(not_declared(self.name, row.name, rtr.full_name()));
        }
        let known = RESOURCE.iter().map(|row| row.name).chain(TYPE.iter().map(|row| row.name));
        Err(unknown_tag_of(COMMAND, tag, known.chain(TAGS)))
    }
}
