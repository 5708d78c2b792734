//! The house rules: who may import whom, what stays out of the domain, and how a file looks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Every folder of `src`, with the folders of `src` that it may import. Generated types are `proto`.
const LAYERS: [(&str, &[&str]); 15] = [
    ("proto", &[]),
    ("domain", &[]),
    ("bearer", &[]),
    ("metrics", &["domain"]),
    ("store", &["domain", "metrics"]),
    ("service", &["store", "domain", "bearer", "metrics"]),
    ("config", &["domain", "bearer"]),
    ("telemetry", &["config", "domain", "metrics"]),
    ("transport", &["config", "domain", "metrics"]),
    (
        "grpc",
        &["service", "store", "domain", "bearer", "proto", "telemetry", "transport", "metrics"],
    ),
    ("http", &["service", "store", "domain", "bearer", "telemetry", "transport", "metrics"]),
    ("ops", &["grpc::Health", "grpc::grpc_only", "transport", "config::LimitSettings", "metrics"]),
    ("client", &["proto", "bearer", "domain::secret"]),
    (
        "app",
        &[
            "grpc",
            "http",
            "ops",
            "transport",
            "service",
            "store",
            "domain",
            "config",
            "telemetry",
            "metrics",
        ],
    ),
    ("cli", &["app", "client", "config", "telemetry", "proto", "domain::secret"]),
];

/// What `domain` must do without: wires, stores, runtimes, clocks and chance.
const NOT_IN_DOMAIN: [&str; 18] = [
    "tonic",
    "prost",
    "prost_types",
    "sled",
    "axum",
    "hyper",
    "http",
    "tower",
    "tokio",
    "tracing",
    "getrandom",
    "rand",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
];

const MAX_LINES: usize = 400;

/// Names that say nothing.
const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "helpers", "helper", "misc", "common", "shared", "types"];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The folder of `src` that it belongs to; `None` for `lib.rs` and `main.rs`.
    fn layer(&self) -> Option<&str> {
        let first = self.path.components().next()?.as_os_str().to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(name, "lib" | "main")).then_some(name)
    }

    /// What stands before the tests at the file's end, without comments and texts in quotes.
    fn code(&self) -> String {
        let tests = self.text.find("#[cfg(test)]\nmod tests");
        let code = &self.text[..tests.unwrap_or(self.text.len())];
        let lines = code.lines().map(|line| {
            let line = line.split("//").next().unwrap_or_default();
            // What stands between quotes is every other piece.
            line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Everything of the crate that the code names, as paths from its root: what follows
    /// `crate::`, with braces taken apart.
    fn imports(&self) -> Vec<String> {
        let code = self.code();
        let mut paths = Vec::new();
        for (at, _) in code.match_indices("crate::") {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !matches!(before, '_' | ':') {
                expand(&mut code[at + "crate::".len()..].chars().peekable(), "", &mut paths);
            }
        }
        if code.contains(&"super::".repeat(self.depth())) {
            paths.push("super, beyond its own folder".to_owned());
        }
        paths
    }

    /// How many modules it lies in, itself among them.
    fn depth(&self) -> usize {
        self.path.with_extension("").iter().filter(|part| *part != "mod").count()
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Reads `a::{b, c::d}` into `a::b` and `a::c::d`.
fn expand(text: &mut Chars<'_>, prefix: &str, paths: &mut Vec<String>) {
    let mut path = prefix.to_owned();
    while let Some(next) = text.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | ':'))
    {
        path.push(next);
    }
    if text.next_if_eq(&'{').is_none() {
        paths.push(path);
        return;
    }
    loop {
        while text.next_if(|next| next.is_whitespace() || *next == ',').is_some() {}
        if text.peek().is_none() || text.next_if_eq(&'}').is_some() {
            return;
        }
        expand(text, &path, paths);
        // `as` and the name after it, or a `*`.
        while text.next_if(|next| !matches!(next, ',' | '}')).is_some() {}
    }
}

fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read(&top, &top, &mut sources);
    assert!(sources.len() > 50, "the source tree was not found");
    sources
}

fn read(top: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(top, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            let path = path.strip_prefix(top).expect("below src").to_owned();
            sources.push(Source { path, text });
        }
    }
}

/// Fails with every finding at once.
#[track_caller]
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// Whether `path` lies in the module `within`.
fn lies(path: &str, within: &str) -> bool {
    path.strip_prefix(within).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn imports_go_down_the_layers_only() {
    let layers = BTreeMap::from(LAYERS);
    let mut findings = Vec::new();
    for source in sources() {
        let Some(layer) = source.layer() else { continue };
        let Some(below) = layers.get(layer) else {
            findings.push(format!("{}: {layer} is no layer", source.name()));
            continue;
        };
        for path in source.imports() {
            let allowed = lies(&path, layer) || below.iter().any(|below| lies(&path, below));
            if !allowed {
                findings.push(format!("{}: must not import crate::{path}", source.name()));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn the_domain_knows_no_wire_no_store_no_clock_and_no_chance() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.layer() == Some("domain")) {
        let code = source.code();
        let words = |text: char| !text.is_alphanumeric() && !matches!(text, '_' | ':');
        for word in code.split(words) {
            let parts: Vec<_> = word.split("::").collect();
            let named =
                |banned: &&&str| lies(word, banned) || (parts.len() > 1 && parts.contains(*banned));
            if let Some(banned) = NOT_IN_DOMAIN.iter().find(named) {
                findings.push(format!("{}: {banned}", source.name()));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent = |source: &&Source| !source.text.starts_with("//! ");
    let findings: Vec<_> = sources().iter().filter(silent).map(Source::name).collect();
    assert_none(&findings);
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    let mut findings = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            findings.push(format!("{}: {lines} lines", source.name()));
        }
    }
    assert_none(&findings);
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    let unwraps = |source: &&Source| source.code().contains(".unwrap()");
    let findings: Vec<_> = sources().iter().filter(unwraps).map(Source::name).collect();
    assert_none(&findings);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let mut findings = Vec::new();
    for source in sources() {
        let without = source.path.with_extension("");
        let parts = without.iter().filter_map(|part| part.to_str());
        findings.extend(parts.filter(|part| EMPTY_NAMES.contains(part)).map(|_| source.name()));
    }
    assert_none(&findings);
}

#[test]
fn every_layer_is_in_the_map_of_the_crate() {
    let map = sources().into_iter().find(|source| source.name() == "lib.rs").expect("lib.rs");
    let declared = map.text.lines().filter_map(|line| line.strip_prefix("pub mod "));
    let declared: Vec<_> = declared.filter_map(|line| line.strip_suffix(';')).collect();
    let layers = BTreeMap::from(LAYERS);
    let unknown: Vec<_> = declared
        .iter()
        .filter(|name| !layers.contains_key(**name))
        .map(ToString::to_string)
        .collect();
    assert_none(&unknown);
}

/// The rules are read from the text: what reads it must see what is there.
#[test]
fn the_reader_sees_through_braces_comments_and_quotes() {
    let text = "//! crate::quoted\nuse crate::{a::{self, B as C}, d::*, e};\nlet x = crate::f::g();\n\
                let y = \"crate::h\"; // crate::i\nlet z = Mycrate::j;\n";
    let source = Source { path: PathBuf::from("k/l.rs"), text: text.to_owned() };
    assert_eq!(source.imports(), ["a::self", "a::B", "d::", "e", "f::g"]);
    assert_eq!((source.layer(), source.depth()), (Some("k"), 2));
    assert!(lies("domain::secret::Secret", "domain::secret") && !lies("domains", "domain"));
}
