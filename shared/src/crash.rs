//! Crash points: places where the order of things matters, at which a test can let the process die by SIGKILL.
//!
//! They exist in debug builds only. `LANDFALL_CRASH_AT=<name>[:<n>]` kills the process the n-th time it comes by (default 1);
//! of several, with commas between them, whichever comes first. `LANDFALL_CRASH_LOG=<file>` gets a line for every point that
//! is passed, so that a run can tell which were hit.

/// Every crash point, with what is lost or doubled if the process dies there.
pub const POINTS: [(&str, &str); 12] = [
    ("api.before_commit", "nothing was accepted: the caller has no answer and repeats"),
    ("api.after_commit", "accepted, but no wake-up was sent and the caller has no answer"),
    ("dispatch.after_lease", "leased, but no wake-up was sent"),
    ("dispatch.before_publish", "the wake-up was not sent"),
    ("runner.after_receipt", "a wake-up was received and nothing done"),
    ("runner.after_load", "the row was read and nothing done"),
    ("runner.after_claim", "claimed: nobody else may take it until the lease ends"),
    ("runner.before_effect", "about to call outside"),
    ("runner.after_effect", "done outside, and nobody knows"),
    ("runner.before_settle", "applied, not written"),
    ("runner.after_settle", "written, the next wake-up not sent, the message not acknowledged"),
    ("runner.before_ack", "the next wake-up sent, the message not acknowledged"),
];

/// Passes a crash point; dies there if a test has asked for it.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    live::point(name);
}

/// Release builds have none.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_: &'static str) {}

#[cfg(debug_assertions)]
mod live {
    //! The debug builds' half: counting, noting, dying.

    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Asked {
        at: Vec<At>,
        log: Option<std::sync::Mutex<std::fs::File>>,
    }

    struct At {
        name: String,
        passing: u32,
        passed: AtomicU32,
    }

    static ASKED: OnceLock<Asked> = OnceLock::new();

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's order to die is no configuration: release builds do not know it"
    )]
    fn asked() -> Asked {
        let at = std::env::var("LANDFALL_CRASH_AT").unwrap_or_default();
        let at = at.split(',').filter(|at| !at.is_empty()).map(|at| {
            let (name, passing) = at.split_once(':').unwrap_or((at, "1"));
            At { name: name.to_owned(), passing: passing.parse().unwrap_or(1), passed: AtomicU32::new(0) }
        });
        let at = at.collect();
        let log = std::env::var("LANDFALL_CRASH_LOG").ok();
        let log = log.and_then(|path| std::fs::File::options().create(true).append(true).open(path).ok());
        Asked { at, log: log.map(std::sync::Mutex::new) }
    }

    pub(super) fn point(name: &'static str) {
        let asked = ASKED.get_or_init(asked);
        if let Some(log) = &asked.log
            && let Ok(mut log) = log.lock()
        {
            let _ = writeln!(log, "{name}");
        }
        let ends_here = |at: &At| at.name == name && at.passed.fetch_add(1, Ordering::SeqCst) + 1 == at.passing;
        if asked.at.iter().any(ends_here) {
            let pid = std::process::id().to_string();
            // Not a panic: no destructor may run, as none does when the power fails.
            let _ = std::process::Command::new("kill").args(["-KILL", &pid]).status();
            loop {
                std::thread::park();
            }
        }
    }
}
