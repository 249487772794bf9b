//! Commands as an administrator types them, turned into operations: just enough of `scrgadm`, `scswitch`, `scha_control` and `steadfast` for tests.

use rgm::{Assignment, Fencing, GroupName, NodeName, Operation, ResourceName};
use rtr::ResourceType;

/// Splits at blanks; double quotes keep them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// Options of a line: letter and argument (empty for flags).
struct Options(Vec<(char, String)>);

impl Options {
    fn of(words: &[String], flags: &str) -> Self {
        let mut options = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let letter = word.strip_prefix('-').and_then(|w| w.chars().next()).expect("an option");
            let argument = if flags.contains(letter) { None } else { words.next().cloned() };
            options.push((letter, argument.unwrap_or_default()));
        }
        Self(options)
    }

    fn has(&self, letter: char) -> bool {
        self.0.iter().any(|(l, _)| *l == letter)
    }

    fn get(&self, letter: char) -> Option<&str> {
        self.0.iter().find(|(l, _)| *l == letter).map(|(_, a)| a.as_str())
    }

    fn list<T: for<'a> From<&'a str>>(&self, letter: char) -> Option<Vec<T>> {
        let text = self.get(letter)?;
        Some(text.split(',').filter(|part| !part.is_empty()).map(T::from).collect())
    }

    fn assignments(&self, letter: char) -> Vec<Assignment> {
        self.0.iter().filter(|(l, _)| *l == letter).map(|(_, text)| assignment(text)).collect()
    }
}

fn assignment(text: &str) -> Assignment {
    let (name, value) = text.split_once('=').expect("NAME=VALUE");
    let (name, node) = match name.strip_suffix('}').and_then(|n| n.split_once('{')) {
        Some((name, node)) => (name, Some(NodeName::new(node))),
        None => (name, None),
    };
    Assignment { name: name.to_owned(), node, value: value.to_owned() }
}

/// What the line asks; `types` are the RTR files that can be found.
pub(crate) fn operation(line: &str, types: &[ResourceType]) -> Operation {
    let words = words(line);
    match words[0].as_str() {
        "scrgadm" => scrgadm(&Options::of(&words[1..], "acrLS"), types),
        "scswitch" => scswitch(&Options::of(&words[1..], "zZFRSenMoucQsrk")),
        "scha_control" => scha_control(&Options::of(&words[1..], "")),
        "steadfast" => steadfast(&words[1..]),
        other => panic!("{other}"),
    }
}

fn scrgadm(o: &Options, types: &[ResourceType]) -> Operation {
    let group = || GroupName::new(o.get('g').unwrap_or_default());
    let type_name = || o.get('t').unwrap_or_default().to_owned();
    let builtin = |name: &str| types.iter().find(|t| t.matches_name(name)).cloned().map(Box::new);
    if o.has('L') {
        let hosts = o.get('l').unwrap();
        let resource = o.get('j').unwrap_or_else(|| hosts.split(',').next().unwrap());
        let list = Assignment { name: "HostnameList".into(), node: None, value: hosts.to_owned() };
        return Operation::CreateResource {
            resource: resource.into(),
            type_name: "SUNW.LogicalHostname".to_owned(),
            group: group(),
            system: o.assignments('y'),
            extension: vec![list],
            enabled: false,
            builtin: builtin("SUNW.LogicalHostname"),
        };
    }
    let (add, change) = (o.has('a'), o.has('c'));
    if let Some(resource) = o.get('j').map(ResourceName::new) {
        let (system, extension) = (o.assignments('y'), o.assignments('x'));
        return match (add, change) {
            (true, _) => Operation::CreateResource {
                resource,
                type_name: type_name(),
                group: group(),
                system,
                extension,
                enabled: false,
                builtin: type_name().contains("HAStorage").then(|| builtin(&type_name())).flatten(),
            },
            (_, true) => Operation::ChangeResource { resource, system, extension },
            _ => Operation::RemoveResource { resource },
        };
    }
    if o.has('t') {
        return match (add, change) {
            (true, _) => Operation::RegisterType {
                rtr: builtin(&type_name()).expect("an RTR file"),
                path: format!("/usr/cluster/lib/rgm/rtreg/{}", type_name()),
                installed_nodes: o.list('h'),
            },
            (_, true) => Operation::ChangeType {
                type_name: type_name(),
                installed_nodes: o
                    .get('h')
                    .map(|text| if text == "*" { None } else { o.list('h') }),
                system: o.assignments('y').first().map(|a| a.value == "TRUE"),
            },
            _ => Operation::RemoveType { type_name: type_name() },
        };
    }
    let mut assignments = o.assignments('y');
    if let Some(nodes) = o.get('h') {
        let value = nodes.to_owned();
        assignments.push(Assignment { name: "Nodelist".into(), node: None, value });
    }
    match (add, change) {
        (true, _) => Operation::CreateGroup { group: group(), assignments },
        (_, true) => Operation::ChangeGroup { group: group(), assignments },
        _ => Operation::RemoveGroup { group: group() },
    }
}

fn scswitch(o: &Options) -> Operation {
    let groups = || o.list::<GroupName>('g');
    let named = || groups().unwrap_or_default();
    let resources = || o.list::<ResourceName>('j').unwrap_or_default();
    let nodes = || o.list::<NodeName>('h').unwrap_or_default();
    let kill = o.has('k');
    match o.0[0].0 {
        'z' if o.has('h') => Operation::Switch { groups: named(), nodes: nodes() },
        'z' => Operation::Remaster { groups: groups() },
        'Z' => Operation::Online { groups: groups() },
        'F' => Operation::Offline { groups: named() },
        'R' if o.has('j') => Operation::RestartResources { resources: resources() },
        'R' => Operation::RestartGroups { groups: named(), nodes: nodes() },
        'S' => {
            let hold_s = o.get('K').map_or(60, |k| k.parse().unwrap());
            Operation::Evacuate { nodes: nodes(), hold_s }
        }
        on @ ('e' | 'n') => Operation::SwitchResources {
            resources: resources(),
            nodes: o.list('h'),
            monitor: o.has('M'),
            on: on == 'e',
        },
        'o' => Operation::Manage { groups: named() },
        'u' => Operation::Unmanage { groups: named() },
        'c' => Operation::ClearStopFailed { resources: resources(), nodes: nodes() },
        'Q' => Operation::Quiesce { groups: groups(), kill },
        's' => Operation::Suspend { groups: groups(), kill },
        'r' => Operation::Resume { groups: groups() },
        other => panic!("-{other}"),
    }
}

/// `-N` names the node on which it is called.
fn scha_control(o: &Options) -> Operation {
    let resource = ResourceName::new(o.get('R').unwrap());
    let group = GroupName::new(o.get('G').unwrap());
    let node = NodeName::new(o.get('N').unwrap());
    match o.get('O').unwrap() {
        "GIVEOVER" => Operation::Giveover { resource, group, node, check_only: false },
        "CHECK_GIVEOVER" => Operation::Giveover { resource, group, node, check_only: true },
        "RESTART" => Operation::ControlRestart { resource, group, node, check_only: false },
        "CHECK_RESTART" => Operation::ControlRestart { resource, group, node, check_only: true },
        other => panic!("{other}"),
    }
}

fn steadfast(words: &[String]) -> Operation {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let node = |name: &str| NodeName::new(name);
    match words.as_slice() {
        ["node", "add", name] => Operation::AddNode { node: node(name) },
        ["node", "remove", name] => Operation::RemoveNode { node: node(name) },
        ["node", "maintenance", name, on] => {
            Operation::SetMaintenance { node: node(name), on: *on == "on" }
        }
        ["node", "confirm-dead", name] => Operation::ConfirmDead { node: node(name) },
        ["node", "fencing", name] => Operation::SetFencing { node: node(name), fencing: None },
        ["node", "fencing", name, agent, timeout, options @ ..] => {
            let split = |o: &&str| o.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
            let fencing = Fencing {
                agent: (*agent).to_owned(),
                options: options.iter().filter_map(split).collect(),
                timeout_s: timeout.parse().unwrap(),
            };
            Operation::SetFencing { node: node(name), fencing: Some(fencing) }
        }
        ["cluster", "set", assignments @ ..] => {
            let assignments = assignments.iter().map(|a| assignment(a)).collect();
            Operation::SetCluster { assignments }
        }
        other => panic!("{other:?}"),
    }
}
