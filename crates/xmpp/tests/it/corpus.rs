//! The seeds of the fuzz targets, replayed, with a few thousand mutations of them that are the same on every run.

use proptest::prelude::*;
use std::path::Path;

#[path = "../../../../fuzz/bodies/element.rs"]
mod element;
#[path = "../../../../fuzz/bodies/framing.rs"]
mod framing;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 15, "{} has only {} files", folder.display(), files.len());
    files.iter().map(|file| std::fs::read(file).expect("a readable file")).collect()
}

#[test]
fn the_seeds_of_framing_hold() {
    seeds("framing").iter().for_each(|seed| framing::check(seed));
}

#[test]
fn the_seeds_of_elements_hold() {
    seeds("element").iter().for_each(|seed| element::check(seed));
}

/// One change at a place: a byte replaced, removed, inserted, or a piece repeated.
fn mutate(seed: &mut Vec<u8>, place: usize, kind: u8, byte: u8) {
    if seed.is_empty() {
        return;
    }
    let at = place % seed.len();
    match kind % 4 {
        0 => seed[at] = byte,
        1 => _ = seed.remove(at),
        2 => seed.insert(at, byte),
        _ => {
            let end = (at + usize::from(byte % 32)).min(seed.len());
            let piece = seed[at..end].to_vec();
            seed.splice(at..at, piece);
        }
    }
}

/// Bytes that mean something to XML, and some that mean nothing.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => proptest::sample::select(&b"<>/='\"&;:![]?- \n\tax1#\xC3\xA9\xEF"[..]),
        1 => any::<u8>(),
    ]
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    proptest::collection::vec((any::<usize>(), any::<u8>(), byte()), 1..6)
}

proptest! {
    #![proptest_config(crate::always_the_same(400))]

    #[test]
    fn mutated_seeds_of_framing_hold(index in any::<proptest::sample::Index>(), changes in changes()) {
        let seeds = seeds("framing");
        let mut seed = index.get(&seeds).clone();
        changes.iter().for_each(|&(place, kind, byte)| mutate(&mut seed, place, kind, byte));
        framing::check(&seed);
    }

    #[test]
    fn mutated_seeds_of_elements_hold(index in any::<proptest::sample::Index>(), changes in changes()) {
        let seeds = seeds("element");
        let mut seed = index.get(&seeds).clone();
        changes.iter().for_each(|&(place, kind, byte)| mutate(&mut seed, place, kind, byte));
        element::check(&seed);
    }

    #[test]
    fn any_bytes_hold(bytes in proptest::collection::vec(byte(), 0..60)) {
        framing::check(&bytes);
        element::check(&bytes);
    }
}
