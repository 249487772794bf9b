//! What holds for all features.

use super::*;
use std::collections::BTreeSet;

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
fn a_specification_belongs_to_one_feature() {
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::new();
    for feature in ALL {
        assert!(names.insert(feature.name), "{} is there twice", feature.name);
        for specification in feature.specifications {
            assert!(numbers.insert(specification.number), "{} twice", specification.number);
        }
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
