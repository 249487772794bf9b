//! Jobs: what the president asks a node to do once, and the methods themselves.

use super::configuration::{Resource, TypeConfig};
use super::observed::Incarnation;
use super::request::RequestId;
use crate::names::{GroupName, NodeName, ResourceName, TypeName};
use rtr::Method;
use serde::{Deserialize, Serialize};

/// One run of a method. The shell adds the environment, the process group and the time-out; it decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodCall {
    /// Which method.
    pub method: Method,
    /// `-R`
    pub resource: ResourceName,
    /// `-T`
    pub type_name: TypeName,
    /// `-G`
    pub group: GroupName,
    /// Program, with RT_BASEDIR in front of a relative path.
    pub program: String,
    /// All arguments, `-R` `-T` `-G` included.
    pub arguments: Vec<String>,
    /// `<Method>_timeout`, in seconds.
    pub timeout_s: u32,
}

/// Whose job, for which request, which of its jobs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId {
    /// Where it runs.
    pub node: NodeName,
    /// What it is for; fencing has a request id of its own.
    pub request: RequestId,
    /// Number within the request.
    pub number: u32,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobKind {
    /// Run this method (VALIDATE, MONITOR_CHECK) beside everything else.
    Method(MethodCall),
    /// Clear STOP_FAILED of a resource: it is offline now.
    Clear(ResourceName),
    /// Restart a resource in place, wherever it is online.
    Restart(ResourceName),
    /// Kill the methods of a group that run now, so that they fail at once (`scswitch -Q -k`).
    KillMethods(GroupName),
    /// Run the fence agent against a lost node.
    Fence {
        /// The lost node.
        node: NodeName,
        /// The life of it that must become harmless.
        incarnation: Incarnation,
        /// Agent, options and time-out.
        fencing: super::configuration::Fencing,
    },
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// Done as asked.
    pub ok: bool,
    /// What the program wrote, or one sentence why it could not be done. At most 16 KiB.
    pub output: String,
}

/// `job/N/ID`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The incarnation that shall do it; if it is gone the job has failed.
    pub incarnation: Incarnation,
    /// What.
    pub kind: JobKind,
    /// `None` until the node has done it.
    pub result: Option<JobResult>,
}

/// `fini/N/R`: a FINI that the node owes, with all that its method may ask for after the resource is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiniOwed {
    /// The call.
    pub call: MethodCall,
    /// The resource as it was.
    pub resource: Resource,
    /// Its type as it was.
    pub type_config: TypeConfig,
}
