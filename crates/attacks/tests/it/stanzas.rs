//! Rows 16 and 20–22 for input that nobody thought of: the seeds of `fuzz/corpus/stanza`, replayed, and mutations of them that
//! are the same in every run.

use attacks::stanza_fuzz::check;
use std::path::Path;

/// Mutations in an ordinary run.
const MUTATIONS: u64 = 600;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/stanza");
    let mut seeds: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 40, "only {} seeds", seeds.len());
    seeds
}

#[test]
fn the_seeds_of_stanzas_hold() {
    for (name, seed) in seeds() {
        eprintln!("{name}");
        check(&seed);
    }
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

/// Cuts a text into pieces that begin with `<` or with a quote: a mutation of whole tags and values stays XML more often.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut cuts: Vec<usize> =
        (0..bytes.len()).filter(|at| matches!(bytes[*at], b'<' | b'\'' | b'>')).collect();
    cuts.insert(0, 0);
    cuts.push(bytes.len());
    cuts.dedup();
    cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect()
}

fn mutate(dice: &mut Dice, seed: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(seed.len());
    match dice.below(7) {
        0 if !seed.is_empty() => seed[at] = b"<>/='\"&; x1\xc3"[dice.below(12)],
        1 if !seed.is_empty() => drop(seed.remove(at)),
        // A value of one seed in another's place; a piece twice; two seeds one after the other.
        2 | 3 => {
            let (own, theirs) = (pieces(seed), pieces(other));
            let (to, from) = (dice.below(own.len()), dice.below(theirs.len()));
            let mut mixed = own.clone();
            mixed[to] = theirs[from];
            *seed = mixed.concat();
        }
        4 => {
            let own = pieces(seed);
            let to = dice.below(own.len());
            let mut mixed = own.clone();
            mixed.insert(to, own[to]);
            *seed = mixed.concat();
        }
        5 => seed.extend_from_slice(other),
        _ => seed.splice(0..0, other.iter().copied()).for_each(drop),
    }
}

#[test]
fn mutated_seeds_of_stanzas_hold() {
    let seeds = seeds();
    let wanted = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut dice = Dice(wanted("STANZA_SEED").unwrap_or(1));
    for _ in 0..wanted("STANZA_MUTATIONS").unwrap_or(MUTATIONS) {
        let mut seed = seeds[dice.below(seeds.len())].1.clone();
        for _ in 0..dice.below(4) + 1 {
            let other = &seeds[dice.below(seeds.len())].1;
            mutate(&mut dice, &mut seed, other);
        }
        seed.truncate(64 * 1024);
        let shown = seed.clone();
        if std::panic::catch_unwind(|| check(&seed)).is_err() {
            panic!("this did it: {}", String::from_utf8_lossy(&shown));
        }
    }
}
