//! What runs where, known only from methods that began and ended: the checkers' own idea of the world.
//!
//! Never reads what a node says of itself.

use rgm::executor::CallId;
use rgm::{Configuration, GroupName, Resource, ResourceName};
use rtr::Method;
use std::collections::BTreeMap;
use std::time::Duration;

/// A resource on a node.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) group: GroupName,
    /// From the beginning of its first start method to the end of its last stop method.
    pub(crate) up: bool,
    /// Its START (or what stands for it) is over, and no stop method has begun since.
    pub(crate) started: bool,
    /// MONITOR_START is over, and MONITOR_STOP is not.
    pub(crate) monitored: bool,
    pub(crate) started_at: Duration,
    /// The method that runs now.
    pub(crate) method: Option<(CallId, Method)>,
    /// It died, or never really came up; its monitor will notice.
    pub(crate) broken: bool,
}

impl Page {
    fn new(group: GroupName) -> Self {
        let (started_at, method) = (Duration::ZERO, None);
        Self {
            group,
            up: false,
            started: false,
            monitored: false,
            started_at,
            method,
            broken: false,
        }
    }
}

/// All resources on a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(pub(crate) BTreeMap<ResourceName, Page>);

impl Book {
    pub(crate) fn page(&mut self, resource: &ResourceName, group: &GroupName) -> &mut Page {
        let page = self.0.entry(resource.clone()).or_insert_with(|| Page::new(group.clone()));
        page.group.clone_from(group);
        page
    }

    /// Whether anything of the group runs.
    pub(crate) fn has(&self, group: &GroupName) -> bool {
        self.0.values().any(|page| page.up && page.group == *group)
    }

    pub(crate) fn runs(&self, resource: &str, method: Method) -> bool {
        self.0.get(resource).is_some_and(|p| p.method.is_some_and(|(_, m)| m == method))
    }

    pub(crate) fn is_up(&self, resource: &str) -> bool {
        self.0.get(resource).is_some_and(|page| page.up)
    }

    pub(crate) fn is_started(&self, resource: &str) -> bool {
        self.0.get(resource).is_some_and(|page| page.started)
    }
}

/// The method with which a resource is started, as others see it.
pub(crate) fn start_method(config: &Configuration, resource: &Resource) -> Method {
    if config.has_method(resource, Method::Start) { Method::Start } else { Method::PrenetStart }
}

/// The method after which nothing of a resource is left.
pub(crate) fn last_stop_method(config: &Configuration, resource: &Resource) -> Method {
    if config.has_method(resource, Method::PostnetStop) {
        Method::PostnetStop
    } else {
        Method::Stop
    }
}
