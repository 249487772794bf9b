//! What holds for all features, and the table made of them.

use super::*;
use std::collections::BTreeSet;

const HEAD: &str = "# Specifications\n\n\
    Made from the features in `crates/im/src/features` by `specification_table`; not to be edited. After a change:\n\
    `UPDATE=1 cargo nextest run -p im the_table_of_specifications`.\n\n";

#[test]
fn the_table_of_specifications_is_the_one_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specifications.md");
    let text = format!("{HEAD}{}", specification_table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, text, "run this test with UPDATE=1 and look at what has changed");
}

#[test]
fn a_specification_has_a_number_a_title_and_for_a_xep_a_version() {
    for feature in ALL {
        for Specification { number, version, title } in feature.specifications {
            let (series, digits) = number.split_once([' ', '-']).unwrap();
            assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{number}");
            assert!(!title.is_empty(), "{number}");
            assert_eq!(version.is_empty(), series == "RFC", "{number}");
        }
    }
}

#[test]
fn a_specification_belongs_to_one_feature_and_a_feature_to_one_folder() {
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::new();
    for feature in ALL {
        assert!(names.insert(feature.name), "{} is there twice", feature.name);
        for specification in feature.specifications {
            assert!(numbers.insert(specification.number), "{} twice", specification.number);
        }
        let folder = format!("{}/src/features/{}", env!("CARGO_MANIFEST_DIR"), feature.name);
        assert!(std::path::Path::new(&folder).is_dir(), "{folder}");
    }
}

#[test]
fn no_request_is_answered_by_two_features() {
    let mut routes = BTreeSet::new();
    for route in ALL.iter().flat_map(|feature| feature.iqs) {
        let key = format!("{} {} {:?} {:?}", route.name, route.ns, route.iq, route.target);
        assert!(routes.insert(key.clone()), "{key}");
    }
}
