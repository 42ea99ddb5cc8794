//! A real Chromium for a buyer: she reads what is visible, clicks what has a name, and types where a label says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::TypingData;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::prelude::{DesiredCapabilities, WebDriver, WebElement};
use url::Url;

use crate::entrusted;
use crate::leash::Leashed;
use crate::patience::until;
use crate::servers::folder;
use crate::servers::nats::found;
use crate::stack::{Stack, free_port};

/// Longer than a page takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(1);

/// In which language, zone and browser a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    English,
    Chinese,
}

/// Every page is tried in both.
pub const BOTH: [Tongue; 2] = [Tongue::English, Tongue::Chinese];

impl Tongue {
    /// The tag of its pages.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

/// A browser window. It and its driver end with it, and with the test process.
pub struct Browser {
    pub driver: WebDriver,
    pub tongue: Tongue,
    api: Url,
    // In this order: the driver ends before the browser.
    _chromedriver: Leashed,
    _chromium: Leashed,
}

/// Collects what a page must never do, from its first line on.
const WATCH: &str = "window.__faults = [];
    addEventListener('securitypolicyviolation', (event) => __faults.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    addEventListener('error', (event) => __faults.push(`error: ${event.message}`));
    addEventListener('unhandledrejection', (event) => __faults.push(`rejected: ${event.reason}`));";

/// What a person can find on a page: visible, by its words.
const FIND: &str = "
    const [kind, words] = arguments;
    const text = (node) => (node.getAttribute('aria-label') ?? node.textContent).replace(/\\s+/g, ' ').trim();
    const visible = (node) => node.checkVisibility({ visibilityProperty: true });
    const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
    if (kind === 'named') return all('button, a, summary').find((node) => text(node) === words) ?? null;
    const labels = all('label').filter((label) => text(label).startsWith(words) && label.control);
    const exact = labels.find((label) => text(label) === words) ?? labels[0];
    return exact?.control ?? all('input, select').find((field) => field.getAttribute('aria-label') === words) ?? null;";

impl Browser {
    /// Opens one on a Landfall, with an empty profile.
    pub async fn open(stack: &Stack, tongue: Tongue) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let home = folder(&format!("browser-{}", COUNT.fetch_add(1, Ordering::SeqCst)));
        let chromium = Leashed::spawn(&chromium(&home, tongue), &stack.log.join("chromium.log"));
        let debugged = until("Chromium listens", || async {
            let said = std::fs::read_to_string(home.join("profile/DevToolsActivePort")).ok()?;
            said.lines().next().and_then(|port| port.parse::<u16>().ok())
        })
        .await;
        let port = free_port();
        let mut command = Command::new(program(&["chromedriver"], "chromium-driver"));
        command.arg(format!("--port={port}"));
        let chromedriver = Leashed::spawn(&command, &stack.log.join("chromedriver.log"));
        let mut wishes = DesiredCapabilities::chrome();
        wishes.set_debugger_address(&format!("127.0.0.1:{debugged}")).unwrap();
        let driver = until("chromedriver gives a session", || async {
            WebDriver::new(format!("http://127.0.0.1:{port}"), wishes.clone()).await.ok()
        })
        .await;
        // Both processes are ours, and end with this: closing the session in a drop would hold the test's one thread.
        driver.clone().leak().unwrap();
        let browser =
            Self { driver, tongue, api: stack.api_url.clone(), _chromedriver: chromedriver, _chromium: chromium };
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": WATCH})).await;
        let zone = if tongue == Tongue::Chinese { "Asia/Shanghai" } else { "Europe/Lisbon" };
        browser.cdp("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
        browser
    }

    /// The words in this browser's language.
    pub fn says<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        match self.tongue {
            Tongue::English => english,
            Tongue::Chinese => chinese,
        }
    }

    /// Asks the browser itself.
    pub async fn cdp(&self, command: &str, with: Value) -> Value {
        self.driver.cdp().send_raw(command, with).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Runs a script in the page.
    pub async fn runs(&self, script: &str, arguments: Vec<Value>) -> Value {
        let ran = self.driver.execute(script, arguments).await.unwrap_or_else(|error| panic!("{script}: {error}"));
        ran.json().clone()
    }

    /// Types an address.
    pub async fn goes_to(&self, url: &Url) {
        self.driver.goto(url.as_str()).await.unwrap();
    }

    /// Types an address of the API.
    pub async fn goes(&self, path: &str) {
        self.goes_to(&self.api.join(path).unwrap()).await;
    }

    /// Where it is.
    pub async fn place(&self) -> Url {
        self.driver.current_url().await.unwrap()
    }

    /// Everything that can be read.
    pub async fn text(&self) -> String {
        let text = "return document.body.innerText.replace(/\\s+/g, ' ')";
        self.driver
            .execute(text, vec![])
            .await
            .ok()
            .and_then(|ran| ran.json().as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Waits until the words can be read.
    pub async fn reads(&self, words: &str) {
        self.waits(words, || async { self.text().await.contains(words) }).await;
    }

    /// Waits until the words can be read no more.
    pub async fn reads_no_more(&self, words: &str) {
        self.waits(words, || async { !self.text().await.contains(words) }).await;
    }

    /// Waits until the heading is this one.
    pub async fn is_at(&self, heading: &str) {
        const HEADING: &str =
            "return [...document.querySelectorAll('h1')].find((h1) => h1.checkVisibility())?.textContent ?? ''";
        self.waits(heading, || async {
            let ran = self.driver.execute(HEADING, vec![]).await.ok();
            ran.is_some_and(|ran| ran.json().as_str().is_some_and(|text| text.trim() == heading))
        })
        .await;
    }

    /// Waits until the field of this label has the focus.
    pub async fn waits_for_focus(&self, label: &str) {
        self.waits(label, || async { self.focus().await == label }).await;
    }

    /// Waits until a script says true.
    pub async fn waits_for(&self, script: &str) {
        self.waits(script, || async { self.runs(script, vec![]).await == json!(true) }).await;
    }

    async fn waits<Asking: Future<Output = bool>>(&self, what: &str, ask: impl Fn() -> Asking) {
        let asked = tokio::time::timeout(PATIENCE, async {
            until(what, || async { ask().await.then_some(()) }).await;
        });
        let Err(_) = asked.await else { return };
        panic!(
            "{:?}: waited in vain for {what:?} at {}, where stands:\n{}",
            self.tongue,
            self.place().await,
            self.text().await
        );
    }

    /// Clicks the button or the link of this name.
    pub async fn clicks(&self, name: &str) {
        let found = self.finds("named", name).await;
        found.scroll_into_view().await.unwrap();
        found.click().await.unwrap_or_else(|error| panic!("{name:?} cannot be clicked: {error}"));
    }

    /// Clicks the button of this name in the moment in which it is looked for, if it is there: the page may be changing by itself.
    pub async fn clicks_if_offered(&self, name: &str) {
        const CLICK: &str = "
            const named = (button) => button.checkVisibility() && button.textContent.trim() === arguments[0];
            [...document.querySelectorAll('button')].find(named)?.click();";
        self.driver.execute(CLICK, vec![json!(name)]).await.unwrap();
    }

    /// Whether a button or a link of this name can be seen.
    pub async fn offers(&self, name: &str) -> bool {
        !self.runs(FIND, vec![json!("named"), json!(name)]).await.is_null()
    }

    /// The field whose visible label begins with this.
    pub async fn field(&self, label: &str) -> WebElement {
        self.finds("labelled", label).await
    }

    async fn finds(&self, kind: &str, words: &str) -> WebElement {
        let found = tokio::time::timeout(
            PATIENCE,
            until(words, || async {
                let ran = self.driver.execute(FIND, vec![json!(kind), json!(words)]).await.ok()?;
                ran.element().ok()
            }),
        );
        if let Ok(element) = found.await {
            return element;
        }
        panic!(
            "{:?}: there is no {kind} {words:?} at {}, where stands:\n{}",
            self.tongue,
            self.place().await,
            self.text().await
        )
    }

    /// Types into a field, in the place of what stood there.
    pub async fn types(&self, label: &str, text: impl Into<TypingData>) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Types a password: it may stand nowhere of ours.
    pub async fn types_secret(&self, label: &str, secret: &str) {
        entrusted::secret(&self.api, secret);
        self.types(label, secret).await;
    }

    /// Pastes into a field.
    pub async fn pastes(&self, label: &str, text: &str) {
        self.field(label).await.focus().await.unwrap();
        self.cdp("Input.insertText", json!({"text": text})).await;
    }

    /// Presses keys where the focus is.
    pub async fn presses(&self, keys: impl Into<TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What stands in a field.
    pub async fn holds(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Chooses of a list, by what stands there.
    pub async fn chooses(&self, label: &str, option: &str) {
        const CHOOSE: &str = "
            const [select, words] = arguments;
            select.value = [...select.options].find((option) => option.textContent.trim().startsWith(words)).value;
            for (const kind of ['input', 'change']) select.dispatchEvent(new Event(kind, { bubbles: true }));";
        let select = self.field(label).await;
        self.runs(CHOOSE, vec![select.to_json().unwrap(), json!(option)]).await;
    }

    /// Ticks, or chooses one of several.
    pub async fn ticks(&self, label: &str) {
        self.field(label).await.click().await.unwrap();
    }

    /// What has the focus: its visible text, label or value.
    pub async fn focus(&self) -> String {
        let focus = "const focused = document.activeElement;
            return (focused.labels?.[0] ?? focused).textContent.replace(/\\s+/g, ' ').trim()";
        self.runs(focus, vec![]).await.as_str().unwrap_or_default().to_owned()
    }

    /// What a screen reader says of a field: its name, and what describes it.
    pub async fn says_aloud(&self, label: &str) -> (String, String) {
        let field = self.field(label).await;
        self.runs("window.__asked = arguments[0]", vec![field.to_json().unwrap()]).await;
        let found = self.cdp("Runtime.evaluate", json!({"expression": "window.__asked"})).await;
        let asked = json!({"objectId": found["result"]["objectId"], "fetchRelatives": false});
        let tree = self.cdp("Accessibility.getPartialAXTree", asked).await;
        let said = |what: &str| tree["nodes"][0][what]["value"].as_str().unwrap_or_default().to_owned();
        (said("name"), said("description"))
    }

    /// Nothing was forbidden by the policy, and no script failed.
    pub async fn has_no_faults(&self) {
        let faults = self.runs("return window.__faults ?? []", vec![]).await;
        assert_eq!(faults, json!([]), "at {}", self.place().await);
    }
}

fn chromium(home: &Path, tongue: Tongue) -> Command {
    let mut command = Command::new(program(&["chromium", "chromium-browser"], "chromium"));
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1280,900",
        "--remote-debugging-port=0",
        "--force-color-profile=srgb",
    ]);
    let (language, accepted) = match tongue {
        Tongue::English => ("en-GB", "en-GB,en"),
        Tongue::Chinese => ("zh-CN", "zh-CN,zh"),
    };
    command.arg(format!("--lang={language}")).arg(format!("--accept-lang={accepted}"));
    command.arg(format!("--user-data-dir={}", home.join("profile").display())).arg("about:blank");
    command.env("HOME", home).env("LANG", "C.UTF-8");
    command
}

fn program(names: &[&str], package: &str) -> PathBuf {
    names.iter().find_map(|name| found(name, &[])).unwrap_or_else(|| {
        panic!(
            "the pages are tested in a real Chromium, and {names:?} is not on this machine: apt-get install {package}"
        )
    })
}
