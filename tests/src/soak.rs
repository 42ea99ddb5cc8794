//! The long runs: what `./dev test --soak` asks for, over what every run does.

use std::time::Duration;

/// A long run: `LANDFALL_SOAK=<seed>[:<minutes>]`.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// What decides its order and its faults.
    pub seed: u64,
    /// No round of it is begun after this.
    pub longest: Duration,
}

/// What a long run is to be like; without one, says that something is left out.
pub fn asked() -> Option<Soak> {
    let Some(asked) = std::env::var_os("LANDFALL_SOAK") else {
        println!("left out: LANDFALL_SOAK is not set (./dev test --soak)");
        return None;
    };
    let asked = asked.to_string_lossy().into_owned();
    let (seed, minutes) = asked.split_once(':').unwrap_or((&asked, "30"));
    let number = |text: &str| text.parse().expect("LANDFALL_SOAK=<seed>[:<minutes>]");
    Some(Soak { seed: number(seed), longest: Duration::from_secs(60 * number(minutes)) })
}

/// Whether this is a long run.
pub fn is_long() -> bool {
    std::env::var_os("LANDFALL_SOAK").is_some()
}

/// The seed of this run: what a long run asks for, else always the same one.
pub fn seed_or(usual: u64) -> u64 {
    let seed = if is_long() { asked().map(|soak| soak.seed) } else { None }.unwrap_or(usual);
    println!("seed {seed}");
    seed
}
