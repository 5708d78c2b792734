//! The command as a process, and what it came to.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::common::{
    server::Server,
    settings::{Settings, Table},
};

/// A password that every rule for new ones lets pass.
pub(crate) const PASSWORD: &str = "seven purple elephants dancing";

/// A command line with an environment of its own and nothing on standard input.
pub(crate) struct Jeton {
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    input: String,
}

impl Jeton {
    /// Words, split at spaces.
    pub(crate) fn new(arguments: &str) -> Self {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Self { arguments, environment: Vec::new(), input: String::new() }
    }

    /// One more argument, spaces and all.
    pub(crate) fn and(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Sets standard input.
    pub(crate) fn input(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    /// Not yet run.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.args(&self.arguments).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(self) -> Ran {
        let mut child = self.command().spawn().expect("jeton starts");
        let mut stdin = child.stdin.take().expect("its standard input is piped");
        // Fails when it has ended without reading.
        drop(stdin.write_all(self.input.as_bytes()));
        drop(stdin);
        Ran::new(&child.wait_with_output().expect("its output"))
    }

    /// Returns its output. Fails the test if the command fails.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        self.run().succeeded().out
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.and("--output").and("json").text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).expect("UTF-8");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), out, err }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Insists on the exit code, that nothing was printed but why not, and that the text says all
    /// of `reasons`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, reasons: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.contains("jeton: "), "{self:?}");
        for reason in reasons {
            assert!(self.err.contains(reason), "{reason}: {self:?}");
        }
    }
}

/// A server with the standard clients and users, and an administrator called `root`.
pub(crate) struct Administered {
    pub(crate) server: Server,
}

impl Administered {
    pub(crate) async fn start() -> Self {
        Self { server: Server::start(&Self::settings()).await }
    }

    pub(crate) fn settings() -> Settings {
        let root = Table::client("root").text("secret", "root-secret");
        Settings::standard().and(root.toml("permissions", r#"["admin"]"#))
    }

    /// A command as the administrator.
    pub(crate) fn jeton(&self, arguments: &str) -> Jeton {
        self.as_client("root", arguments)
    }

    /// A command as a client whose secret is its name and `-secret`.
    pub(crate) fn as_client(&self, id: &str, arguments: &str) -> Jeton {
        let jeton = Jeton::new(arguments).with("JETON_SERVER", self.server.url());
        jeton.with("JETON_CLIENT_ID", id).with("JETON_CLIENT_SECRET", format!("{id}-secret"))
    }

    /// The id of a user by name.
    pub(crate) fn user_id(&self, name: &str) -> String {
        let user = self.jeton("user get --name").and(name).json();
        user["user_id"].as_str().expect("a user id").to_owned()
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// The lines of a table, the headers first, each cut where its columns end.
pub(crate) fn table(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(cells).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}
