//! The seeds of the fuzz target, replayed, with a few hundred mutations of them that are the same on every run
//! (`RTR_MUTATIONS=100000 RTR_SEED=2` for more and others). The files of the other tests are seeds too.

use crate::{files, folder};
use std::path::Path;

#[path = "../../../../fuzz/bodies/rtr.rs"]
mod body;

/// Mutations in an ordinary run.
const MUTATIONS: u64 = 1500;

fn seeds() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/rtr");
    let mut paths = files(&folder("diagnostics"), "rtr");
    paths.extend(files(&folder("good"), "rtr"));
    paths.extend(files(&folder("good"), "canonical"));
    paths.extend(files(&corpus, "rtr"));
    assert!(paths.len() >= 45, "only {} seeds", paths.len());
    paths.iter().map(|path| crate::read(path)).collect()
}

#[test]
fn the_seeds_of_rtr_files_hold() {
    seeds().iter().for_each(|seed| body::check(seed));
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// What means something to the grammar.
const PIECES: [&str; 32] = [
    ";",
    "=",
    ",",
    "{",
    "}",
    "\"",
    "\"\"",
    "#",
    "#$",
    "#$upgrade\n",
    "#$upgrade_from \"1\" anytime\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "“",
    "\u{A0}",
    "é",
    "PROPERTY = ",
    "EXTENSION;",
    "ENUM { a, b };",
    "DEFAULT = ;",
    "DEFAULT = \"a,b\";",
    "MIN = -1;",
    "MAX = 9223372036854775807;",
    "TUNABLE;",
    "STRINGARRAY;",
    "FAILOVER;",
    "RT_BASEDIR = /x;",
    "{ PROPERTY = Scalable; }",
    "99999999999999999999",
];

fn mutate(dice: &mut Dice, seed: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(seed.len());
    let end = at + dice.below(40.min(seed.len() - at));
    match dice.below(6) {
        0 => _ = seed.splice(at..end, []),
        1 => {
            let piece = seed[at..end].to_vec();
            let to = dice.below(seed.len());
            seed.splice(to..to, piece);
        }
        2 => {
            let from = dice.below(other.len());
            let to = from + dice.below(60.min(other.len() - from));
            seed.splice(at..at, other[from..to].iter().copied());
        }
        3 if at < seed.len() => seed[at] = dice.below(256) as u8,
        4 => seed.truncate(at),
        _ => _ = seed.splice(at..at, PIECES[dice.below(PIECES.len())].bytes()),
    }
}

#[test]
fn mutated_seeds_of_rtr_files_hold() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let mutations: u64 = number("RTR_MUTATIONS").unwrap_or(MUTATIONS);
    let mut dice = Dice(number("RTR_SEED").unwrap_or(1));
    let seeds = seeds();
    for _ in 0..mutations {
        let mut seed = seeds[dice.below(seeds.len())].clone();
        let other = &seeds[dice.below(seeds.len())];
        for _ in 0..=dice.below(4) {
            mutate(&mut dice, &mut seed, other);
        }
        let shown = String::from_utf8_lossy(&seed).into_owned();
        if std::panic::catch_unwind(|| body::check(&seed)).is_err() {
            panic!("does not hold for:\n{shown}");
        }
    }
}
