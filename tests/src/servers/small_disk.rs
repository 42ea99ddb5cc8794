//! A small disk that a test can fill: memory, mounted for one process and for those who are let in. Nothing of it is left when
//! that process is gone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::our_uid;
use crate::leash::Leashed;
use crate::patience::until;

/// A folder that is a disk of its own.
pub struct SmallDisk {
    keeper: Leashed,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one over a folder. Who is not root does so as root of a namespace of his own.
    pub async fn mount(folder: &Path, mebibytes: usize) -> Self {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let name = folder.display();
        let mount = format!(
            "mount -t tmpfs -o size={mebibytes}m,mode=1777 none '{name}' && touch '{name}/mounted' && exec sleep infinity"
        );
        let mut keeper = Command::new("unshare");
        let as_root: &[&str] = if our_uid() == 0 { &[] } else { &["--user", "--map-root-user"] };
        keeper.args(as_root).args(["--mount", "sh", "-c", &mount]);
        let log = folder.with_extension("disk.log");
        let disk = Self { keeper: Leashed::spawn(&keeper, &log), folder: folder.to_owned() };
        until("a disk is mounted", || async { disk.path("mounted").exists().then_some(()) }).await;
        disk
    }

    /// The same command, run where this disk is seen.
    pub fn seen_by(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.keeper.pid().to_string(), "--mount"]);
        let uid = our_uid();
        if uid != 0 {
            // Root of the namespace again becomes who he was: PostgreSQL looks at that.
            inside.args(["--user", "--preserve-credentials", "unshare", "--user", "--map-user", &uid.to_string()]);
        }
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        inside
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut ballast =
            File::options().create(true).append(true).open(self.path("ballast")).expect("a file can be made");
        for size in [4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Takes out what filled it.
    pub fn make_room(&self) {
        std::fs::remove_file(self.path("ballast")).expect("it was filled");
    }

    fn path(&self, name: &str) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("the path of a server's folder begins at the root");
        PathBuf::from(format!("/proc/{}/root", self.keeper.pid())).join(inside).join(name)
    }
}
