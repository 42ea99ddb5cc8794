//! Processes on a leash: whatever ends the test process, by any cause, ends them too.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};

use crate::patience::until;

/// A child that dies when it is dropped, and when this process dies.
pub struct Leashed {
    child: Child,
}

impl Leashed {
    /// Starts a command; what it says goes to the end of a log.
    pub fn spawn(command: &Command, log: &Path) -> Self {
        let mut leashed = Command::new("setpriv");
        leashed.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
        // `env_clear` cannot be asked back from a command; an empty list of variables is taken as such.
        let variables: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        if !variables.is_empty() {
            leashed.env_clear().envs(variables).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        }
        let log = File::options().create(true).append(true).open(log).expect("a log can be written");
        leashed.stdin(Stdio::null()).stdout(log.try_clone().expect("a log has two ends")).stderr(log);
        Self { child: spawned(leashed) }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().is_ok_and(|status| status.success()));
    }

    /// Waits until it has ended by itself, and says how.
    pub async fn ends(&mut self) -> ExitStatus {
        let process = std::cell::RefCell::new(self);
        until("a process ends", async || process.borrow_mut().ended()).await
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }
}

/// Starts a process from a thread that lives as long as this process: the kernel's leash is held by the thread that forked,
/// and a test's own thread ends with its test.
fn spawned(command: Command) -> Child {
    type Asked = (Command, mpsc::SyncSender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::SyncSender<Asked>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (asking, asked) = mpsc::sync_channel::<Asked>(16);
        std::thread::spawn(move || {
            for (mut command, answer) in asked {
                let _ = answer.send(command.spawn());
            }
        });
        asking
    });
    let (answer, answered) = mpsc::sync_channel(1);
    spawner.send((command, answer)).expect("the spawning thread lives");
    answered.recv().expect("the spawning thread answers").expect("setpriv (util-linux) starts a process")
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.kill();
    }
}
