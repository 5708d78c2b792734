//! Settings files as a person would write them, one key a line.

use std::{fmt::Write as _, path::Path};

/// One table of a settings file.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    head: &'static str,
    entries: Vec<(&'static str, String)>,
}

impl Table {
    fn new(head: &'static str) -> Self {
        Self { head, entries: Vec::new() }
    }

    /// Any client: its tokens may be used at `billing`, and its own at jeton itself, unless it says else.
    pub(crate) fn client(id: &'static str) -> Self {
        Self::new("[[client]]")
            .text("id", id)
            .toml("scopes", r#"["read", "write"]"#)
            .toml("allowed_scopes", r#"["read", "write", "audit"]"#)
            .toml("audience", r#"["billing", "jeton"]"#)
    }

    /// A client with a secret, which is its name and `-secret`.
    pub(crate) fn confidential(id: &'static str) -> Self {
        Self::client(id)
            .text("secret", &format!("{id}-secret"))
            .toml("grants", r#"["password", "refresh_token", "client_credentials"]"#)
    }

    /// A client without a secret.
    pub(crate) fn public(id: &'static str) -> Self {
        let client = Self::client(id).toml("audience", r#"["billing"]"#);
        client.toml("grants", r#"["password", "refresh_token"]"#)
    }

    /// A user, whose password is the name and `-password`.
    pub(crate) fn user(name: &'static str) -> Self {
        Self::new("[[user]]").text("name", name).text("password", &format!("{name}-password"))
    }

    /// An issuer with the `iss` of a cluster that nobody configured. It needs `http.issuer`.
    pub(crate) fn issuer(name: &str) -> Self {
        let cluster = "https://kubernetes.default.svc.cluster.local";
        Self::new("[[issuer]]").text("name", name).text("issuer", cluster)
    }

    /// Sets a string in place of what the key had before.
    pub(crate) fn text(self, key: &'static str, value: &str) -> Self {
        self.toml(key, &format!("{value:?}"))
    }

    /// Sets any value, written as TOML.
    pub(crate) fn toml(mut self, key: &'static str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    fn set(&mut self, key: &'static str, value: &str) {
        self.unset(key);
        self.entries.push((key, value.to_owned()));
    }

    fn unset(&mut self, key: &str) {
        self.entries.retain(|(name, _)| *name != key);
    }

    fn is_named(&self, name: &str) -> bool {
        let named = |(key, value): &(&str, String)| {
            matches!(*key, "id" | "name") && *value == format!("{name:?}")
        };
        self.entries.iter().any(named)
    }

    fn write(&self, text: &mut String) {
        writeln!(text, "{}", self.head).expect("memory");
        for (key, value) in &self.entries {
            writeln!(text, "{key} = {value}").expect("memory");
        }
        text.push('\n');
    }
}

/// All settings of one server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    sections: Vec<Table>,
    records: Vec<Table>,
}

impl Settings {
    /// Clients and users, unless a test says else:
    ///
    /// | client | | may introspect |
    /// |---|---|---|
    /// | `shop`, `rival` | confidential | their own |
    /// | `app`, `kiosk` | public | nothing: they have no credentials |
    /// | `billing` | confidential | what names it in its audience |
    /// | `gateway` | confidential | anything, and sees the reason why not |
    ///
    /// The users are `alice` and `bob`. Hashes are as cheap as argon2 allows, and are waited for.
    pub(crate) fn standard() -> Self {
        let passwords = Table::new("[passwords]").text("memory", "8KiB");
        let passwords = passwords.toml("iterations", "1").toml("threads", "8");
        // A busy machine has no core to spare for a while.
        let passwords = passwords.text("max_wait", "8s");
        let gateway = Table::confidential("gateway").text("introspect", "any");
        // The clients' secrets are no secrets here.
        let secrets = Table::new("[secrets]").text("weak_declared", "warn");
        Self {
            sections: [
                "[grpc]",
                "[http]",
                "[check]",
                "[tls]",
                "[keys]",
                "[limits]",
                "[tokens]",
                "[serve]",
                "[lockout]",
                "[log]",
                "[audit]",
                "[traces]",
            ]
            .map(Table::new)
            .into_iter()
            .chain([passwords, secrets])
            .collect(),
            records: vec![
                Table::confidential("shop").toml("attributes", r#"{ team = "payments" }"#),
                Table::confidential("rival"),
                Table::public("app"),
                Table::public("kiosk"),
                Table::confidential("billing").text("introspect", "audience"),
                gateway.toml("permissions", r#"["inactive_reason"]"#),
                Table::user("alice").toml("attributes", r#"{ email = "alice@example.com" }"#),
                Table::user("bob"),
            ],
        }
    }

    /// Adds a client or a user.
    pub(crate) fn and(mut self, record: Table) -> Self {
        self.records.push(record);
        self
    }

    /// Sets a string in `[section]`.
    pub(crate) fn set(mut self, section: &str, key: &'static str, value: &str) -> Self {
        self.section(section).set(key, &format!("{value:?}"));
        self
    }

    /// Leaves a value in `[section]` out.
    pub(crate) fn unset(mut self, section: &str, key: &str) -> Self {
        self.section(section).unset(key);
        self
    }

    /// Leaves `[section]` out.
    pub(crate) fn omit(mut self, section: &str) -> Self {
        let head = format!("[{section}]");
        self.sections.retain(|table| table.head != head);
        self
    }

    /// Sets any value in `[section]`, written as TOML.
    pub(crate) fn set_toml(mut self, section: &str, key: &'static str, value: &str) -> Self {
        self.section(section).set(key, value);
        self
    }

    /// Sets a number in `[section]`.
    pub(crate) fn set_number(mut self, section: &str, key: &'static str, value: u32) -> Self {
        self.section(section).set(key, &value.to_string());
        self
    }

    /// Sets whether something holds in `[section]`.
    pub(crate) fn set_flag(mut self, section: &str, key: &'static str, value: bool) -> Self {
        self.section(section).set(key, &value.to_string());
        self
    }

    /// Sets how many threads hash.
    pub(crate) fn hash_threads(mut self, count: usize) -> Self {
        self.section("passwords").set("threads", &count.to_string());
        self
    }

    /// Sets a value, written as TOML, of the client or user of that name.
    pub(crate) fn declare(mut self, name: &str, key: &'static str, value: &str) -> Self {
        self.record(name).set(key, value);
        self
    }

    /// Says no more about one value of a client or user.
    pub(crate) fn undeclare(mut self, name: &str, key: &str) -> Self {
        self.record(name).unset(key);
        self
    }

    /// Says no more about a client or user.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.record(name);
        self.records.retain(|table| !table.is_named(name));
        self
    }

    fn section(&mut self, name: &str) -> &mut Table {
        let head = format!("[{name}]");
        let table = self.sections.iter_mut().find(|table| table.head == head);
        table.expect("a section that is there")
    }

    fn record(&mut self, name: &str) -> &mut Table {
        let record = self.records.iter_mut().find(|table| table.is_named(name));
        record.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The file's text, for a server that keeps everything under `home`.
    pub(crate) fn render(&self, home: &Path) -> String {
        let place = |name| home.join(name).display().to_string();
        let store = Table::new("[store]").text("path", &place("data"));
        let mut settings = self.clone();
        settings.section("keys").set("path", &format!("{:?}", place("keys")));
        let mut text = String::new();
        for table in [store].iter().chain(&settings.sections).chain(&settings.records) {
            table.write(&mut text);
        }
        text
    }
}
