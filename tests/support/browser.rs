//! A real browser, controlled through the Chrome DevTools Protocol.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// True if every control has a name for screen readers.
pub(crate) const IS_NAMED: &str = "[...document.querySelectorAll('button, input, select')].every(control => control.labels?.length || control.innerText.trim() || control.ariaLabel)";

/// Names of the executable in various distributions.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A page in its own browser process, which is killed on drop.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    commands: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser with a page. Returns `None` if no browser is installed; panics in that case if `FLOWRUN_CLIENTS` is
    /// set.
    pub(crate) async fn open(url: &str) -> Option<Self> {
        let found = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
        let Some(name) = NAMES.iter().find(found) else {
            assert!(
                std::env::var_os("FLOWRUN_CLIENTS").is_none(),
                "no browser is installed; run `make clients`"
            );
            println!("no browser is installed, so the pages are not tested; run `make clients`");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(name)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ])
            .args(["--remote-debugging-port=0", "--window-size=1200,900"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned));
        // Later output must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = connect_async(address.unwrap()).await.unwrap();
        let mut browser = Self { child, socket, session: String::new(), commands: 0, _profile: profile };
        let target = browser.command("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.command("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser.command("Page.navigate", json!({ "url": url })).await;
        Some(browser)
    }

    /// Sends one command of the protocol and returns its result.
    async fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.commands += 1;
        let mut command = json!({ "id": self.commands, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = self.session.as_str().into();
        }
        self.socket.send(Message::text(command.to_string())).await.unwrap();
        loop {
            let Some(Ok(message)) = self.socket.next().await else {
                panic!("the browser closed the connection")
            };
            let Ok(answer) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else {
                continue;
            };
            if answer["id"] == self.commands {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// Navigates to another page in the same tab.
    pub(crate) async fn navigate(&mut self, url: &str) {
        self.command("Page.navigate", json!({ "url": url })).await;
    }

    /// Sets the window size of a phone.
    pub(crate) async fn emulate_phone(&mut self) {
        let phone = json!({ "width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": true });
        self.command("Emulation.setDeviceMetricsOverride", phone).await;
    }

    /// Evaluates a JavaScript expression. A promise is awaited.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let request = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", request).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true. Panics with the text of the page after 30 s.
    pub(crate) async fn wait_until(&mut self, expression: &str) {
        let promise = format!(
            "new Promise((resolve, reject) => {{ const ends = performance.now() + 30000; const look = () => \
             (() => {{ try {{ return {expression}; }} catch {{ return false; }} }})() ? resolve(true) \
             : performance.now() > ends ? reject(new Error(document.body.innerText)) : setTimeout(look, 20); look(); }})"
        );
        self.evaluate(&promise).await;
    }

    /// Presses and releases a key: `Enter`, `Tab` or `Escape`.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            _ => panic!("{key}"),
        };
        for event in ["keyDown", "keyUp"] {
            let text = if event == "keyDown" { text } else { "" };
            let event = json!({ "type": event, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.command("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Selects a file in the input element that `selector` matches.
    pub(crate) async fn select_file(&mut self, selector: &str, file: &Path) {
        let root = self.command("DOM.getDocument", json!({})).await["root"]["nodeId"].clone();
        let found = self.command("DOM.querySelector", json!({ "nodeId": root, "selector": selector })).await;
        let chosen = json!({ "files": [file.canonicalize().unwrap()], "nodeId": found["nodeId"] });
        self.command("DOM.setFileInputFiles", chosen).await;
    }

    /// Saves a screenshot of the page in the build directory.
    pub(crate) async fn save_screenshot(&mut self, name: &str) {
        let shot = self.command("Page.captureScreenshot", json!({ "format": "png" })).await;
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(name), png).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
