//! How a page looks: pictures of it in both widths and both schemes, and what axe-core finds wrong with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::browser::Browser;

/// The version that is fetched, and the digest of what is run.
const AXE: (&str, &str) = ("4.11.1", "7dbfabdfc6062936d79c873ddbb5f811a1219fca3928bd8cc9dd81f1e65f4720");

/// A laptop and a phone, by day and by night.
const LOOKS: [(u32, &str); 4] = [(1280, "light"), (390, "light"), (1280, "dark"), (390, "dark")];

impl Browser {
    /// Looks at the page: pictures are kept, nothing overflows, axe-core finds nothing serious, no policy was broken.
    pub async fn looks(&self, name: &str) {
        for (width, scheme) in LOOKS {
            self.is_seen_by(width, scheme).await;
            let picture = self.picture(width).await;
            let file = pictures().join(self.tongue.tag()).join(format!("{name}-{width}-{scheme}.png"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, picture).unwrap();
            if (width, scheme) != (390, "light") && (width, scheme) != (1280, "dark") {
                self.is_accessible(&format!("{name} ({width}, {scheme})")).await;
            }
        }
        self.is_seen_by(1280, "light").await;
        self.has_no_faults().await;
    }

    async fn is_seen_by(&self, width: u32, scheme: &str) {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.cdp("Emulation.setDeviceMetricsOverride", screen).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(self.runs(overflow, vec![]).await, json!(0), "the page is wider than {width} pixels");
    }

    async fn picture(&self, width: u32) -> Vec<u8> {
        let height =
            self.runs("return Math.ceil(document.documentElement.getBoundingClientRect().height)", vec![]).await;
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.cdp("Page.captureScreenshot", shot).await;
        decoded(taken["data"].as_str().unwrap())
    }

    async fn is_accessible(&self, what: &str) {
        // Injected past the page's policy, which forbids it to the page itself.
        let loaded = self.cdp("Runtime.evaluate", json!({"expression": axe(), "returnByValue": false})).await;
        assert!(loaded.get("exceptionDetails").is_none(), "{loaded}");
        let run = json!({
            "expression": "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((one) =>
                ({ id: one.id, impact: one.impact, where: one.nodes.map((node) => node.html.slice(0, 160)) })))",
            "awaitPromise": true,
            "returnByValue": true,
        });
        let ran = self.cdp("Runtime.evaluate", run).await;
        let found = ran["result"]["value"].as_array().cloned().unwrap_or_else(|| panic!("axe-core did not run: {ran}"));
        let is_serious = |one: &&Value| ["serious", "critical"].contains(&one["impact"].as_str().unwrap_or_default());
        let serious: Vec<&Value> = found.iter().filter(is_serious).collect();
        assert!(serious.is_empty(), "{what}, {:?}: {serious:#?}", self.tongue);
    }
}

/// Where pictures are kept: an artefact of the build.
pub fn pictures() -> PathBuf {
    target().join("screenshots")
}

fn target() -> PathBuf {
    let executable = std::env::current_exe().expect("a test knows its own path");
    executable.ancestors().nth(3).expect("target/<profile>/deps/<test>").to_owned()
}

/// axe-core, from npm: a tool of the tests, neither shipped nor kept in the repository.
fn axe() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let (version, digest) = AXE;
        let home = target().join(format!("axe-core-{version}"));
        let file = home.join("package/axe.min.js");
        if !file.exists() {
            fetch(&home, version);
        }
        let text = std::fs::read_to_string(&file).expect("axe-core can be read");
        assert_eq!(sha256(&file), digest, "{} is not axe-core {version}", file.display());
        text
    })
}

fn fetch(home: &Path, version: &str) {
    let fresh = home.with_extension(format!("{}.new", std::process::id()));
    std::fs::create_dir_all(&fresh).unwrap();
    let mut npm = Command::new("npm");
    npm.current_dir(&fresh).args(["pack", "--silent", &format!("axe-core@{version}")]);
    let packed = npm.output().unwrap_or_else(|error| panic!("axe-core comes from npm: {error}; apt-get install npm"));
    assert!(packed.status.success(), "npm pack axe-core: {}", String::from_utf8_lossy(&packed.stderr));
    let archive = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    let unpacked = Command::new("tar").current_dir(&fresh).args(["-xzf", &archive, "package/axe.min.js"]).status();
    assert!(unpacked.is_ok_and(|status| status.success()), "{archive} cannot be unpacked");
    // Another test process may have been quicker.
    if std::fs::rename(&fresh, home).is_err() {
        let _ = std::fs::remove_dir_all(&fresh);
    }
}

fn sha256(file: &Path) -> String {
    let sum = Command::new("sha256sum").arg(file).output().expect("sha256sum (coreutils) runs");
    String::from_utf8_lossy(&sum.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).expect("Chromium encodes its pictures")
}
