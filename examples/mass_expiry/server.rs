//! `jeton serve` as a child process, with its metrics.

use std::{
    env, fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The client that introspects.
const SETTINGS: &str = r#"
[secrets]
weak_declared = "warn"

[[client]]
id = "gateway"
secret = "gateway-secret"
grants = ["client_credentials"]
scopes = ["read"]
access_token_ttl = "1d"
grant_ttl = "2d"
"#;

pub(crate) struct Server {
    child: Child,
    pub(crate) grpc: String,
    ops: String,
}

impl Server {
    /// Starts the `jeton` binary beside this program, over the store under `dir`.
    pub(crate) async fn start(dir: &Path) -> Self {
        let example = env::current_exe().expect("this program's path");
        let binary = example.ancestors().nth(2).expect("its build directory").join("jeton");
        fs::create_dir_all(dir).expect("the directory is made");
        let config = dir.join("jeton.toml");
        fs::write(&config, SETTINGS).expect("the settings are written");
        let [grpc, http, ops] = [(); 3].map(|()| free_address());
        let child = Command::new(binary)
            .args(["serve", "--log", "warn", "--grpc-listen", &grpc, "--http-listen", &http])
            .args(["--ops-listen", &ops])
            .arg("--config")
            .arg(config)
            .arg("--store-path")
            .arg(dir.join("data"))
            .arg("--keys-path")
            .arg(dir.join("keys"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("jeton starts: build it first, with the same profile");
        let server = Self { child, grpc, ops };
        while server.ask("/readyz").await.is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    /// Stops the process with SIGSTOP.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Continues the process after [`Self::pause`].
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(sent.success());
    }

    /// Returns the number of grants deleted so far.
    pub(crate) async fn swept(&self) -> u64 {
        let metrics = self.ask("/metrics").await.expect("the metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix("jeton_grants_swept_total "));
        line.and_then(|number| number.parse().ok()).expect("a number")
    }

    async fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.ops).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }
}

impl Drop for Server {
    /// The store is discarded, so the process can be killed.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
