//! A small disk that a test can fill: memory, mounted for one process and whoever looks at its files. Nothing of it is left
//! when that process is gone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::leash::Leashed;
use crate::patience::until;

/// A folder that is a disk of eight mebibytes.
pub struct SmallDisk {
    keeper: Leashed,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one over a folder. Who is not root does so as root of a namespace of his own.
    pub async fn mount(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let mount = format!(
            "mount -t tmpfs -o size=8m none '{0}' && touch '{0}/mounted' && exec sleep infinity",
            folder.display()
        );
        let mut keeper = Command::new("unshare");
        keeper.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]);
        let disk =
            Self { keeper: Leashed::spawn(&keeper, &folder.with_extension("disk.log")), folder: folder.to_owned() };
        until("a disk is mounted", || async { disk.path("mounted").exists().then_some(()) }).await;
        disk
    }

    /// A command to run a program that sees this disk.
    pub fn seen_by(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.keeper.pid().to_string(), "--user", "--mount", "--preserve-credentials"])
            .arg(program);
        command
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
