//! `jeton serve` as a child process, with its memory usage.

use std::{
    env, fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint};

/// One client that issues and revokes, and one that watches everything.
const SETTINGS: &str = r#"
[secrets]
weak_declared = "warn"

[audit]
target = "off"

[[client]]
id = "shop"
secret = "shop-secret"
grants = ["client_credentials"]
scopes = ["read"]

[[client]]
id = "gateway"
secret = "gateway-secret"
introspect = "any"
"#;

pub(crate) struct Server {
    child: Child,
    grpc: String,
}

impl Server {
    /// Starts the `jeton` binary beside this program, on a new store under `dir`.
    pub(crate) fn start(dir: &Path) -> Self {
        let example = env::current_exe().expect("this program's path");
        let binary = example.ancestors().nth(2).expect("its build directory").join("jeton");
        fs::create_dir_all(dir).expect("the directory is made");
        let config = dir.join("jeton.toml");
        fs::write(&config, SETTINGS).expect("the settings are written");
        let [grpc, http] = [(); 2].map(|()| free_address());
        let child = Command::new(binary)
            .args(["serve", "--log", "error", "--grpc-listen", &grpc, "--http-listen", &http])
            .args(["--ops-listen", "off"])
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
        Self { child, grpc }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Connects as soon as the server serves.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.url()).expect("a URL");
        loop {
            if let Ok(channel) = endpoint.connect().await {
                return channel;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the server's resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a number of KiB")
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
