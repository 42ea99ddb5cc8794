//! The long runs: what `./dev test --soak` asks for, over what every run does.

/// The seed, where a long run is asked for (`LANDFALL_SOAK=<seed>[:<minutes>]`).
pub fn seed() -> Option<u64> {
    let asked = std::env::var_os("LANDFALL_SOAK")?.to_string_lossy().into_owned();
    let (seed, _) = asked.split_once(':').unwrap_or((&asked, ""));
    Some(seed.parse().expect("LANDFALL_SOAK=<seed>[:<minutes>]"))
}

/// The seed of this run: what a long run asks for, else always the same one.
pub fn seed_or(usual: u64) -> u64 {
    let seed = seed().unwrap_or(usual);
    println!("seed {seed}");
    seed
}
