//! Values that the parser could have made print to a text that parses to them.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use rtr::{
    InitNodes, Method, Property, PropertyKind, Range, ResourceType, SystemDefined, Tunability,
    Tunable, Upgrade, UpgradeFrom, parse, print, properties,
};

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_-]{0,12}"
}

/// What may stand between quotes.
fn text() -> impl Strategy<Value = String> {
    "[ !#-~\t]{0,20}"
}

/// A value of a string or an element of an array, as short as its bounds allow in these tests.
fn element() -> impl Strategy<Value = String> {
    "[!#-+.-:<-~]{1,8}"
}

fn range(around: i64) -> impl Strategy<Value = Range> {
    let min = option::of(0..=around);
    let max = option::of(around..around + 20);
    (min, max).prop_map(|(min, max)| Range { min, max })
}

fn tunable() -> impl Strategy<Value = Tunable> {
    prop_oneof![
        Just(Tunable::None),
        Just(Tunable::AtCreation),
        Just(Tunable::WhenDisabled),
        Just(Tunable::Anytime)
    ]
}

/// A kind with a default that satisfies it.
fn kind() -> impl Strategy<Value = (PropertyKind, Option<Vec<String>>)> {
    let int = (-50..50i64, option::of(-9..9i64)).prop_flat_map(|(n, far)| {
        let (min, max) = (option::of(n - 9..=n), option::of(n..n + 9));
        let default = far.map(|_| vec![n.to_string()]);
        (min, max).prop_map(move |(min, max)| {
            (PropertyKind::Int { range: Range { min, max } }, default.clone())
        })
    });
    let boolean = option::of(any::<bool>()).prop_map(|truth| {
        (PropertyKind::Boolean, truth.map(|t| vec![if t { "TRUE" } else { "FALSE" }.to_owned()]))
    });
    let literals = btree_map("[a-z][a-z0-9_-]{0,6}", any::<bool>(), 1..5);
    let literal =
        (literals, option::of(any::<prop::sample::Index>())).prop_map(|(literals, at)| {
            let literals: Vec<String> = literals.into_keys().collect();
            let default = at.map(|at| vec![at.get(&literals).clone()]);
            (PropertyKind::Enum { literals }, default)
        });
    let string = option::of(element()).prop_flat_map(|value| {
        let bytes = value.as_ref().map_or(4, String::len) as i64;
        range(bytes).prop_map(move |length| {
            (PropertyKind::String { length }, value.clone().map(|value| vec![value]))
        })
    });
    let array = option::of(vec(element(), 0..4)).prop_flat_map(|values| {
        let size = values.as_ref().map_or(2, Vec::len) as i64;
        let length = Just(Range { min: None, max: Some(8) });
        (length, range(size)).prop_map(move |(length, size)| {
            (PropertyKind::StringArray { length, size }, values.clone())
        })
    });
    prop_oneof![int, boolean, literal, string, array]
}

fn extension() -> impl Strategy<Value = Property> {
    (name(), kind(), option::of(tunable()), option::of(text()), any::<bool>()).prop_map(
        |(name, (kind, default), tunable, description, per_node)| Property {
            // A name that no table has.
            name: format!("X{name}"),
            extension: true,
            per_node: per_node && default.is_some() && !kind.is_array(),
            kind,
            default,
            tunable,
            description,
        },
    )
}

fn system_defined() -> impl Strategy<Value = Property> {
    let rows: Vec<_> = properties::RESOURCE.iter().filter(|row| row.may_be_declared()).collect();
    (prop::sample::select(rows), option::of(tunable()), any::<bool>(), 0..60i64).prop_map(
        |(row, tunable, has_default, min)| {
            let mut kind = row.kind.kind();
            if let PropertyKind::Int { range } = &mut kind {
                range.min = range.min.max(Some(min));
            }
            let default = match &kind {
                PropertyKind::Int { range } => (has_default || row.default.is_some())
                    .then(|| vec![range.min.unwrap_or(1).to_string()]),
                _ => row
                    .default
                    .filter(|_| has_default)
                    .map(|d| d.iter().map(|&v| v.to_owned()).collect()),
            };
            let name = row.name.to_ascii_uppercase();
            Property {
                name,
                extension: false,
                per_node: false,
                kind,
                default,
                tunable,
                description: None,
            }
        },
    )
}

fn upgrade() -> impl Strategy<Value = Upgrade> {
    let when = prop_oneof![
        Just(Tunability::Anytime),
        Just(Tunability::AtCreation),
        Just(Tunability::WhenDisabled),
        Just(Tunability::WhenOffline),
        Just(Tunability::WhenUnmanaged),
        Just(Tunability::WhenUnmonitored),
    ];
    btree_map("[0-9a-z.]{0,5}", when, 0..4).prop_map(|from| Upgrade {
        from: from.into_iter().map(|(version, when)| UpgradeFrom { version, when }).collect(),
    })
}

fn methods() -> impl Strategy<Value = Vec<(Method, String)>> {
    let others = vec(prop::sample::select(Method::ALL.to_vec()), 0..6);
    (others, "[a-z_/. ]{1,9}").prop_map(|(others, path)| {
        let mut methods =
            vec![Method::Start, Method::Stop, Method::MonitorStart, Method::MonitorStop];
        methods.extend(others);
        methods.into_iter().map(|method| (method, path.clone())).collect()
    })
}

fn resource_type() -> impl Strategy<Value = ResourceType> {
    let names = (name(), option::of(name()), "[0-9a-z._-]{1,8}", text());
    let flags = (any::<[bool; 4]>(), 1..=10u32, option::of(Just(SystemDefined::SharedAddress)));
    let rest = (vec(element(), 0..3), methods(), option::of(upgrade()), any::<bool>());
    let table = (vec(system_defined(), 0..5), vec(extension(), 0..5));
    (names, flags, rest, table).prop_map(|(names, flags, rest, (mut properties, extensions))| {
        properties.extend(extensions);
        let mut seen = std::collections::HashSet::new();
        properties.retain(|p| seen.insert(p.name.to_ascii_lowercase()));
        let ([single_instance, rt_system, global_zone, proxy], api_version, sysdefined_type) =
            flags;
        ResourceType {
            resource_type: names.0,
            vendor_id: names.1,
            rt_version: names.2,
            rt_description: names.3,
            api_version,
            rt_basedir: Some("/opt/some where".to_owned()),
            failover: !single_instance,
            single_instance,
            init_nodes: if rest.3 { InitNodes::RtInstalledNodes } else { InitNodes::RgPrimaries },
            pkglist: rest.0,
            rt_system,
            global_zone,
            proxy,
            sysdefined_type,
            methods: rest.1.into_iter().collect(),
            upgrade: rest.2,
            properties,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn what_is_printed_parses_to_the_value(value in resource_type()) {
        let text = print(&value);
        let parsed = parse("printed", text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{text}\n{e}")))?;
        prop_assert_eq!(&parsed.resource_type, &value, "{}", text);
        prop_assert_eq!(print(&parsed.resource_type), text);
    }
}

#[test]
fn what_the_grammar_cannot_write_is_replaced() {
    let text = "RESOURCE_TYPE = x; RT_VERSION = 1; RT_BASEDIR = /x; START = s; STOP = s;";
    let mut value = parse("f", text.as_bytes()).unwrap().resource_type;
    value.rt_description = "say \"x\"\nnow".to_owned();
    let again = parse("printed", print(&value).as_bytes()).unwrap().resource_type;
    assert_eq!(again.rt_description, "say 'x' now");
}
