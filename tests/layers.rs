//! The house rules: who may import whom, what stays out of the domain, and how a file looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every folder of `src`, with the folders of `src` that it may import. Generated types are `proto`.
const LAYERS: [(&str, &[&str]); 19] = [
    ("proto", &[]),
    ("domain", &[]),
    ("bearer", &["metrics", "domain::certificate", "domain::confirmation"]),
    ("metrics", &["domain"]),
    ("figures", &[]),
    ("jose", &["domain"]),
    ("store", &["domain", "metrics"]),
    ("service", &["store", "domain", "bearer", "jose", "metrics"]),
    ("config", &["domain", "bearer"]),
    ("jwks", &["config", "domain", "jose"]),
    ("oidc", &["config", "domain", "jose", "jwks"]),
    ("telemetry", &["config", "domain", "metrics"]),
    ("transport", &["config", "domain", "metrics"]),
    (
        "grpc",
        &["service", "store", "domain", "bearer", "proto", "telemetry", "transport", "metrics"],
    ),
    ("http", &["service", "store", "domain", "bearer", "telemetry", "transport", "metrics"]),
    (
        "ops",
        &[
            "grpc::Health",
            "grpc::grpc_only",
            "transport",
            "config::LimitSettings",
            "domain::time",
            "figures",
            "metrics",
        ],
    ),
    ("client", &["proto", "bearer", "config::RegularFile", "domain::secret"]),
    (
        "app",
        &[
            "bearer",
            "client",
            "grpc",
            "http",
            "jose",
            "jwks",
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
    (
        "cli",
        &[
            "app",
            "bearer",
            "client",
            "config",
            "figures",
            "oidc",
            "telemetry",
            "proto",
            "domain::secret",
        ],
    ),
];

/// Names that `domain` must do without: wires, stores, runtimes, clocks and chance.
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

    /// The folder of `src` that it belongs to; `None` for `lib.rs`, and for the program of `main.rs` and
    /// `allocator.rs`.
    fn layer(&self) -> Option<&str> {
        let first = self.path.components().next()?.as_os_str().to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(name, "lib" | "main" | "allocator")).then_some(name)
    }

    /// Returns the code before the tests at the file's end, without comments and texts in quotes.
    fn code(&self) -> String {
        let tests = self.text.find("#[cfg(test)]\nmod tests");
        let code = &self.text[..tests.unwrap_or(self.text.len())];
        let lines = code.lines().map(|line| {
            let line = line.split("//").next().unwrap_or_default();
            // Text between quotes is every other piece.
            line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Everything of the crate that the code names, as paths from its root: what follows
    /// `crate::`, with braces taken apart.
    fn imports(&self) -> Vec<String> {
        let code = self.code();
        let mut paths = Vec::new();
        for at in beginnings(&code, "crate::") {
            expand(&code[at + "crate::".len()..], "", &mut paths);
        }
        if code.contains(&"super::".repeat(self.depth())) {
            paths.push("super, beyond its own folder".to_owned());
        }
        paths
    }

    /// The modules it lies in, itself the last.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let parts = path.iter().filter_map(|part| part.to_str());
        parts.filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
    }

    /// Returns everything of the crate that the code names, by any kind of path.
    fn references(&self, modules: &BTreeMap<Vec<String>, usize>) -> Vec<Reference> {
        let (code, module) = (self.code(), self.module());
        let mut found = Vec::new();
        let mut end = 0;
        let mut starts: Vec<_> = ["crate::", "super::", "self::"]
            .iter()
            .flat_map(|start| beginnings(&code, start))
            .filter(|at| !code[..*at].ends_with("pub(in "))
            .collect();
        let children =
            modules.keys().filter(|path| path.split_last().is_some_and(|last| last.1 == module));
        let children = children.filter_map(|path| Some(format!("{}::", path.last()?)));
        let relative: BTreeSet<_> = children.flat_map(|name| beginnings(&code, &name)).collect();
        starts.extend(&relative);
        starts.sort_unstable();
        for at in starts {
            // Within braces that are taken apart already.
            if at < end {
                continue;
            }
            let mut paths = Vec::new();
            end = code.len() - expand(&code[at..], "", &mut paths).len();
            let line = code[..at].rsplit('\n').next().unwrap_or_default().trim();
            let is_use = line.ends_with("use");
            let is_alias = line.starts_with("pub") && is_use;
            for path in paths {
                let path = rooted(&path, &module, relative.contains(&at));
                found.push(Reference { path, is_use, is_alias });
            }
        }
        found
    }

    /// Returns the number of modules that it lies in, itself among them.
    fn depth(&self) -> usize {
        self.path.with_extension("").iter().filter(|part| *part != "mod").count()
    }
}

/// Something of the crate that a file names.
struct Reference {
    path: Vec<String>,
    /// True if it is imported under its own name.
    is_use: bool,
    /// True if it is only given another place.
    is_alias: bool,
}

/// Returns the places where a path begins with `start`.
fn beginnings(code: &str, start: &str) -> Vec<usize> {
    let within = |before: char| before.is_alphanumeric() || matches!(before, '_' | ':');
    let found = code.match_indices(start).map(|(at, _)| at);
    found.filter(|at| !code[..*at].ends_with(within)).collect()
}

/// The path from the crate's root, for one that is written in `module`.
fn rooted(path: &str, module: &[String], relative: bool) -> Vec<String> {
    let mut parts: Vec<_> = path.split("::").filter(|part| !part.is_empty()).collect();
    let mut base = module.to_vec();
    while !relative && matches!(parts.first(), Some(&("crate" | "super" | "self"))) {
        match parts.remove(0) {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => {}
        }
    }
    base.extend(parts.into_iter().filter(|part| *part != "self").map(str::to_owned));
    base
}

/// Reads `a::{b, c::d}` into `a::b` and `a::c::d`, and returns the text behind it.
fn expand<'a>(text: &'a str, prefix: &str, paths: &mut Vec<String>) -> &'a str {
    let ends = |next: char| !next.is_alphanumeric() && !matches!(next, '_' | ':');
    let (path, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    let path = format!("{prefix}{path}");
    let Some(mut rest) = rest.strip_prefix('{') else {
        paths.push(path);
        return rest;
    };
    loop {
        rest = rest.trim_start_matches(|next: char| next.is_whitespace() || next == ',');
        if rest.is_empty() {
            return rest;
        }
        if let Some(rest) = rest.strip_prefix('}') {
            return rest;
        }
        // `as` and the name after it, or a `*`, are passed over.
        rest = expand(rest, &path, paths).trim_start_matches(|next| !matches!(next, ',' | '}'));
    }
}

/// Returns the files that each file imports, by their places among the sources. An item that a file
/// only hands on counts for the file that it comes from.
fn imports_between(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let modules: BTreeMap<_, _> =
        sources.iter().enumerate().map(|(at, source)| (source.module(), at)).collect();
    let references: Vec<_> = sources.iter().map(|source| source.references(&modules)).collect();
    let mut aliases = BTreeMap::new();
    for (source, references) in sources.iter().zip(&references) {
        for Reference { path, .. } in references.iter().filter(|reference| reference.is_use) {
            let name = [&*source.module(), &path[path.len().saturating_sub(1)..]].concat();
            aliases.entry(name).or_insert_with(|| path.clone());
        }
    }
    let target = |path: &[String]| {
        let mut path = path.to_vec();
        for _ in 0..sources.len() {
            let within = (0..=path.len()).rev().find(|end| modules.contains_key(&path[..*end]))?;
            let known = path.get(..=within).and_then(|name| aliases.get(name));
            match known {
                Some(origin) => path = [origin, &path[within + 1..]].concat(),
                None => return modules.get(&path[..within]).copied(),
            }
        }
        None
    };
    let imported = |(at, references): (usize, &Vec<Reference>)| {
        let paths = references.iter().filter(|reference| !reference.is_alias);
        let others = paths.filter_map(|reference| target(&reference.path));
        others.filter(|other| *other != at && !sources[*other].module().is_empty()).collect()
    };
    references.iter().enumerate().map(imported).collect()
}

/// Circles, each as the names that one meets on the way: a depth-first search finds one at least where
/// there are any.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    fn visit<'a>(
        name: &'a str,
        edges: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
        found: &mut Vec<String>,
    ) {
        if let Some(begin) = way.iter().position(|on_way| *on_way == name) {
            found.push([&way[begin..], &[name]].concat().join(" -> "));
            return;
        }
        if !done.insert(name) {
            return;
        }
        way.push(name);
        for next in edges.get(name).into_iter().flatten() {
            visit(next, edges, way, done, found);
        }
        way.pop();
    }
    let (mut done, mut found) = (BTreeSet::new(), Vec::new());
    for name in edges.keys() {
        visit(name, edges, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

/// The parameters of functions that are tuples: named by nothing where the function is called.
fn tuple_parameters(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let Some(open) = code[at..].find(['(', ';', '{']).map(|open| at + open) else { continue };
        // A bound of a generic may be a function's.
        let bounded = code[at..open].contains('<') && !code[at..open].ends_with('>');
        let behind = || code[open..].find(">(").map(|end| open + end + 1);
        let start = if bounded { behind() } else { Some(open) };
        let Some(start) = start.filter(|start| code[*start..].starts_with('(')) else { continue };
        found
            .extend(parameters(&code[start..]).into_iter().filter(|parameter| is_tuple(parameter)));
    }
    found
}

/// The parameters in the parentheses that `code` begins with.
fn parameters(code: &str) -> Vec<String> {
    let (mut depth, mut parameters, mut last) = (0, vec![String::new()], ' ');
    for next in code.chars() {
        match next {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if !matches!(last, '-' | '=') => depth -= 1,
            _ => {}
        }
        match next {
            _ if depth == 0 => break,
            '(' if depth == 1 => {}
            ',' if depth == 1 => parameters.push(String::new()),
            _ => parameters.last_mut().expect("never empty").push(next),
        }
        last = next;
    }
    parameters
}

fn is_tuple(parameter: &str) -> bool {
    let Some((pattern, kind)) = parameter.split_once(": ") else { return false };
    let kind = kind.trim_start_matches(['&', ' ']).trim_start_matches("mut ");
    pattern.trim().starts_with('(') || (kind.starts_with('(') && !kind.starts_with("(dyn"))
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

/// Returns whether `path` lies in the module `within`.
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
fn no_files_import_each_other_in_a_circle() {
    let sources = sources();
    let names: Vec<_> = sources.iter().map(Source::name).collect();
    let imports = imports_between(&sources);
    assert!(imports.iter().map(BTreeSet::len).sum::<usize>() > sources.len(), "imports are read");
    let imported = |at: usize| imports[at].iter().map(|other| names[*other].clone()).collect();
    let edges = names.iter().enumerate().map(|(at, name)| (name.clone(), imported(at))).collect();
    assert_none(&circles(&edges));
}

#[test]
fn no_folders_beside_each_other_import_each_other_in_a_circle() {
    let sources = sources();
    let mut edges = BTreeMap::<_, BTreeSet<_>>::new();
    for (source, imports) in sources.iter().zip(imports_between(&sources)) {
        for import in imports {
            let (from, to) = (&source.path, &sources[import].path);
            let shared = from.iter().zip(to.iter()).take_while(|(from, to)| from == to).count();
            let folder = |path: &Path| {
                let folder: PathBuf = path.iter().take(shared + 1).collect();
                folder.extension().is_none().then(|| folder.display().to_string())
            };
            if let (Some(from), Some(to)) = (folder(from), folder(to)) {
                edges.entry(from).or_default().insert(to);
            }
        }
    }
    assert_none(&circles(&edges));
}

#[test]
fn no_parameter_is_a_tuple() {
    let mut findings = Vec::new();
    for source in sources() {
        let found = tuple_parameters(&source.code());
        findings.extend(found.into_iter().map(|found| format!("{}: {found}", source.name())));
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

#[test]
fn circles_and_tuples_are_seen() {
    let file = |path: &str, text: &str| Source { path: path.into(), text: text.to_owned() };
    let sources = [
        file("a/mod.rs", "mod b;\nmod c;\npub use self::c::C;\nfn f() { b::g() }\n"),
        file("a/b.rs", "use super::C;\nuse crate::d::{self, D as E};\n"),
        file("a/c.rs", "fn h() { super::super::d::i() }\n"),
        file("d.rs", "pub(in crate::a) fn i() {}\nuse crate::a::{C, other::{x, y}};\n"),
    ];
    let imports = imports_between(&sources);
    let expected = [vec![1], vec![2, 3], vec![3], vec![0, 2]];
    assert!(imports.iter().map(|found| found.iter().copied().collect::<Vec<_>>()).eq(expected));
    let edges = [("a", "b"), ("b", "c"), ("c", "b")];
    let edges = edges.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    assert_eq!(circles(&BTreeMap::from(edges)), ["b -> c -> b"]);
    let code = "fn a((b, c): (u8, u8)) {}\nfn d<E: Fn(u8) -> u8>(e: E, f: &(u8, u8)) {}\n\
                fn g<H>(self, h: &(dyn I + 'static), j: impl Fn((u8, u8)), k: Vec<(u8, u8)>) {}\n";
    assert_eq!(tuple_parameters(code), ["(b, c): (u8, u8)", " f: &(u8, u8)"]);
}
