//! `docs/specifications.md` is made from the features.

const HEAD: &str = "# Specifications\n\n\
    What Steadfast implements. Made from the features in `crates/im/src/features`; not to be edited. After a change there:\n\
    `UPDATE=1 cargo nextest run -p im the_table_of_specifications`.\n\n";

#[test]
fn the_table_of_specifications_is_the_one_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specifications.md");
    let text = format!("{HEAD}{}", im::features::specification_table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, text, "run this test with UPDATE=1 and look at what has changed");
}

#[test]
fn every_feature_has_the_folder_it_is_named_for() {
    for feature in im::features::ALL {
        let folder = format!("{}/src/features/{}", env!("CARGO_MANIFEST_DIR"), feature.name);
        assert!(std::path::Path::new(&folder).is_dir(), "{folder}");
    }
}
