//! Clocks that are wrong, or can be turned: libfaketime in a process, whose sense of how time passes stays right.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::servers::folder;

/// How time passes is not touched: only what the clock shows.
pub const AS_TIME_PASSES: (&str, &str) = ("FAKETIME_DONT_FAKE_MONOTONIC", "1");

/// A clock that a test turns while processes look at it.
pub struct Clock {
    shows: PathBuf,
}

impl Clock {
    /// One that is right; of this name there is one a test process.
    pub fn new(name: &str) -> Self {
        let clock = Self { shows: folder(&format!("clock-{name}")).join("shows") };
        clock.is_ahead_by(0);
        clock
    }

    /// Turns it: from now on it shows so many seconds more than it is.
    pub fn is_ahead_by(&self, seconds: i64) {
        let next = self.shows.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n")).expect("a file can be written");
        std::fs::rename(next, &self.shows).expect("a file can be replaced");
    }

    /// What makes a process look at it.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        let shows = self.shows.to_str().expect("a path of letters");
        [("LD_PRELOAD", libfaketime()), ("FAKETIME_TIMESTAMP_FILE", shows), ("FAKETIME_NO_CACHE", "1"), AS_TIME_PASSES]
    }
}

/// libfaketime, wherever this machine's architecture keeps its libraries.
pub fn libfaketime() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let folders = std::fs::read_dir("/usr/lib").expect("a folder").flatten().map(|entry| entry.path());
        let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
        found.expect("apt-get install libfaketime").to_str().expect("a path of letters").to_owned()
    })
}
