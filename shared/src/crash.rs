//! Crash points: places where the order of things matters, at which a test can let the process die by SIGKILL, or what runs there
//! end in a panic.
//!
//! They exist in debug builds only. `LANDFALL_CRASH_AT=<name>[@<command id>][:<n>]` kills the process the n-th time it comes by
//! (default 1; `:*` each time), with an id only over that command; of several, with commas between them, each by itself.
//! `LANDFALL_PANIC_AT` panics there instead. `LANDFALL_CRASH_LOG=<file>` gets a line for every point that is passed, so that a
//! run can tell which were hit.

use uuid::Uuid;

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

/// Passes a crash point; ends there if a test has asked for it.
///
/// # Panics
/// If a test has asked for it.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    live::point(name, None);
}

/// The same over a command: a test may mean this one alone.
///
/// # Panics
/// If a test has asked for it.
#[cfg(debug_assertions)]
pub fn point_over(name: &'static str, command: Uuid) {
    live::point(name, Some(command));
}

/// Release builds have none.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_: &'static str) {}

/// Release builds have none.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point_over(_: &'static str, _: Uuid) {}

#[cfg(debug_assertions)]
mod live {
    //! The debug builds' half: counting, noting, dying.

    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use uuid::Uuid;

    struct Asked {
        at: Vec<At>,
        log: Option<std::sync::Mutex<std::fs::File>>,
    }

    struct At {
        end: End,
        name: String,
        command: Option<Uuid>,
        /// None: every one.
        passing: Option<u32>,
        passed: AtomicU32,
    }

    #[derive(Clone, Copy)]
    enum End {
        Kill,
        Panic,
    }

    impl At {
        fn parse(end: End, asked: &str) -> Self {
            let (place, passing) = asked.split_once(':').unwrap_or((asked, "1"));
            let (name, command) = place.split_once('@').map_or((place, None), |(name, id)| (name, id.parse().ok()));
            let passing = (passing != "*").then(|| passing.parse().unwrap_or(1));
            Self { end, name: name.to_owned(), command, passing, passed: AtomicU32::new(0) }
        }

        fn is_meant(&self, name: &str, command: Option<Uuid>) -> bool {
            self.name == name && (self.command.is_none() || self.command == command) && {
                let passing = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
                self.passing.is_none_or(|meant| meant == passing)
            }
        }
    }

    static ASKED: OnceLock<Asked> = OnceLock::new();

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's order to die is no configuration: release builds do not know it"
    )]
    fn asked() -> Asked {
        let mut at = Vec::new();
        for (end, variable) in [(End::Kill, "LANDFALL_CRASH_AT"), (End::Panic, "LANDFALL_PANIC_AT")] {
            let asked = std::env::var(variable).unwrap_or_default();
            at.extend(asked.split(',').filter(|at| !at.is_empty()).map(|asked| At::parse(end, asked)));
        }
        let log = std::env::var("LANDFALL_CRASH_LOG").ok();
        let log = log.and_then(|path| std::fs::File::options().create(true).append(true).open(path).ok());
        Asked { at, log: log.map(std::sync::Mutex::new) }
    }

    #[expect(clippy::panic, reason = "a test has asked for it")]
    pub(super) fn point(name: &'static str, command: Option<Uuid>) {
        let asked = ASKED.get_or_init(asked);
        if let Some(log) = &asked.log
            && let Ok(mut log) = log.lock()
        {
            let _ = writeln!(log, "{name}");
        }
        // Each of them counts, whichever ends it.
        let ends: Vec<End> = asked.at.iter().filter(|at| at.is_meant(name, command)).map(|at| at.end).collect();
        match ends.first() {
            None => {}
            Some(End::Panic) => panic!("a test has asked for a panic at {name}"),
            Some(End::Kill) => {
                let pid = std::process::id().to_string();
                // Not a panic: no destructor may run, as none does when the power fails.
                let _ = std::process::Command::new("kill").args(["-KILL", &pid]).status();
                loop {
                    std::thread::park();
                }
            }
        }
    }
}
