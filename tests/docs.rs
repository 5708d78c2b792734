//! The names in the pages exist: files of the tree, the pages and sections that links lead to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold what was built or installed, or what a server keeps, and no page of ours.
const NOT_OURS: [&str; 6] =
    ["target", "node_modules", ".git", "jeton-dev", "jeton-data", "jeton-keys"];

/// One page, with its name as seen from the top of the tree.
struct Page {
    name: PathBuf,
    text: String,
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the tree, in order.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    read(top(), &mut pages);
    pages.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = pages.iter().map(|page| page.name.display().to_string()).collect();
    for page in ["README.md", "docs/architecture.md", "docs/operating.md"] {
        assert!(names.iter().any(|name| name == page), "{page} was not found among {names:?}");
    }
    pages
}

fn read(folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !NOT_OURS.contains(&name) {
            read(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).expect("a page in UTF-8");
            pages
                .push(Page { name: path.strip_prefix(top()).expect("below the top").into(), text });
        }
    }
}

impl Page {
    /// The page without what is in fences: commands and diagrams name what they make.
    fn prose(&self) -> String {
        let mut within = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            let fence = line.trim_start().starts_with("```");
            within ^= fence;
            if !within && !fence {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }

    /// Returns the texts between backticks.
    fn spans(&self) -> Vec<String> {
        let prose = self.prose();
        // Every other piece; a paragraph with an odd backtick spoils itself alone.
        let paragraphs = prose.split("\n\n").flat_map(|text| text.split('`').skip(1).step_by(2));
        paragraphs.map(str::to_owned).collect()
    }

    /// Returns the targets of its links, those of images too.
    fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let targets = prose.match_indices("](").filter_map(|(at, open)| {
            let rest = &prose[at + open.len()..];
            rest.find(')').map(|end| rest[..end].to_owned())
        });
        targets.collect()
    }

    /// The anchors that GitHub gives its headings.
    fn anchors(&self) -> BTreeSet<String> {
        let mut seen = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for line in self.prose().lines().filter(|line| line.starts_with('#')) {
            let slug = slug(line.trim_start_matches('#').trim());
            let count = seen.entry(slug.clone()).or_insert(0);
            anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        anchors
    }
}

/// Letters in lower case, spaces as hyphens, no other signs.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign));
    kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect::<String>().to_lowercase()
}

/// The path that a text in backticks names, if it begins in a folder of the tree.
fn path_of(span: &str) -> Option<&str> {
    let first = span.split_whitespace().next()?;
    let (folder, rest) = first.split_once('/')?;
    let plain = first.chars().all(|sign| sign.is_ascii_alphanumeric() || "/._-*".contains(sign));
    let ours = plain && !rest.is_empty() && !NOT_OURS.contains(&folder);
    (ours && !folder.is_empty() && top().join(folder).is_dir() && !folder.starts_with(".."))
        .then_some(first)
}

/// Returns whether there is such a file or folder. A `*` stands for any name or a part of it.
fn exists(path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else { return top().join(path).exists() };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(top().join(folder)).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.any(|name| name.starts_with(prefix) && name.ends_with(after))
}

/// Fails with every finding at once, and when nothing was looked at.
#[track_caller]
fn assert_none(looked_at: usize, least: usize, findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    assert!(looked_at >= least, "only {looked_at} were found: the pages are not read");
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let (mut count, mut findings) = (0, Vec::new());
    for page in pages() {
        for span in page.spans() {
            let Some(path) = path_of(&span) else { continue };
            count += 1;
            if !exists(path) {
                findings.push(format!("{}: there is no {path}", page.name.display()));
            }
        }
    }
    assert_none(count, 100, &findings);
}

#[test]
fn every_link_within_the_tree_leads_to_a_page_and_a_section() {
    let pages = pages();
    let (mut count, mut findings) = (0, Vec::new());
    for page in &pages {
        for link in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = page.name.parent().unwrap_or(Path::new(""));
            let target = if path.is_empty() { page.name.clone() } else { folder.join(path) };
            let Ok(found) = top().join(&target).canonicalize() else {
                findings.push(format!("{}: {link} leads nowhere", page.name.display()));
                continue;
            };
            let led = pages.iter().find(|other| top().join(&other.name) == found);
            if !anchor.is_empty() && led.is_none_or(|led| !led.anchors().contains(anchor)) {
                findings.push(format!("{}: {link} has no such section", page.name.display()));
            }
        }
    }
    assert_none(count, 50, &findings);
}

/// The test does not ask whether an address elsewhere still leads anywhere: these tests use no
/// network.
#[test]
fn every_address_elsewhere_is_one() {
    let (mut count, mut findings) = (0, Vec::new());
    for page in pages() {
        for link in page.links().into_iter().filter(|link| link.contains("://")) {
            count += 1;
            let rest = link.strip_prefix("https://").unwrap_or_default();
            let host = rest.split(['/', '#', '?']).next().unwrap_or_default();
            let named = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
            if !named || link.chars().any(char::is_whitespace) {
                findings.push(format!("{}: {link}", page.name.display()));
            }
        }
    }
    assert_none(count, 3, &findings);
}

/// A test as pages name it: many words. Metrics are named like this too.
fn is_test(span: &str) -> bool {
    let plain =
        span.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_');
    plain && span.matches('_').count() >= 4 && !span.starts_with("jeton_")
}

/// The names of all functions below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            let declared =
                text.match_indices("fn ").filter_map(|(at, _)| text[at + 3..].split('(').next());
            names.extend(declared.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let mut names = BTreeSet::new();
    functions(&top().join("src"), &mut names);
    functions(&top().join("tests"), &mut names);
    let (mut count, mut findings) = (0, Vec::new());
    for page in pages() {
        for test in page.spans().iter().filter(|span| is_test(span)) {
            count += 1;
            if !names.contains(test) {
                findings.push(format!("{}: there is no test {test}", page.name.display()));
            }
        }
    }
    assert_none(count, 10, &findings);
}

/// A row for which nothing is run is a guess, and nobody on call has time for guesses.
#[test]
fn every_row_of_the_on_call_tables_names_what_plays_it() {
    let mut names = BTreeSet::new();
    functions(&top().join("src"), &mut names);
    functions(&top().join("tests"), &mut names);
    let page = fs::read_to_string(top().join("docs/troubleshooting.md")).expect("the page");
    let (mut count, mut findings, mut within) = (0, Vec::new(), false);
    for line in page.lines() {
        if !line.starts_with('|') {
            within = false;
            continue;
        }
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let last = cells.last().copied().unwrap_or_default();
        if last == "played by" || last.starts_with("---") {
            within = true;
            continue;
        }
        if !within {
            findings.push(format!("not in a table whose last column says what plays it: {line}"));
            continue;
        }
        count += 1;
        let played: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        let is_there = |name: &&str| names.contains(*name) || (name.contains('/') && exists(name));
        if played.is_empty() || !played.iter().all(is_there) {
            findings.push(format!("nothing that is there plays it: {line}"));
        }
    }
    assert_none(count, 30, &findings);
}

#[test]
fn every_alert_that_the_on_call_page_names_is_played() {
    let read = |name: &str| fs::read_to_string(top().join(name)).expect("the file");
    let (page, played) =
        (read("docs/troubleshooting.md"), read("deploy/prometheus/alerts_test.yaml"));
    let words = page.split(|sign: char| !sign.is_ascii_alphanumeric());
    let alerts: BTreeSet<_> =
        words.filter(|word| word.len() > "Jeton".len() && word.starts_with("Jeton")).collect();
    let is_played = |alert: &&&str| played.contains(&format!("alertname: {alert}\n"));
    let not_played = alerts.iter().filter(|alert| !is_played(alert));
    let findings: Vec<_> = not_played.map(|alert| format!("nothing plays {alert}")).collect();
    assert_none(alerts.len(), 8, &findings);
}

/// Returns the parts of a page that must name a test and name none: paragraphs, points and rows of tables,
/// save for those that say why.
fn without_a_test(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut excused = false;
    for paragraph in text.split("\n\n").map(str::trim) {
        if paragraph.starts_with('#') {
            excused = false;
            continue;
        }
        excused |= paragraph.contains("<!-- no test in this section: ");
        let is_prose = !paragraph.is_empty() && !paragraph.contains("```");
        let points = parts(paragraph).into_iter().filter(|_| is_prose && !excused);
        found.extend(points.filter(|point| {
            let mut spans = point.split('`').skip(1).step_by(2);
            let shown = spans.any(|span| is_test(span) || span.starts_with("tests/"));
            !shown && !point.contains("](../tests/") && !point.contains("<!-- no test: ")
        }));
    }
    found
}

/// The points of a list, the rows of a table without its head, or the paragraph as it is.
fn parts(paragraph: &str) -> Vec<&str> {
    let Some((_, rows)) = paragraph.split_once("|---|").filter(|_| paragraph.starts_with('|'))
    else {
        return paragraph.split("\n* ").collect();
    };
    rows.lines().skip(1).collect()
}

#[test]
fn every_paragraph_on_security_names_a_test_or_says_why_it_has_none() {
    for name in ["security", "leaks", "flooding"] {
        let page = fs::read_to_string(top().join(format!("docs/{name}.md"))).expect("the page");
        assert!(page.matches("\n\n").count() > 5, "{name} is not read");
        let found = without_a_test(&page);
        assert!(found.is_empty(), "{name}: {}", found.join("\n\n"));
    }
    let text = "# A\n\nSaid.\n\n* `a_b_c_d_e`\n* one\n\n## B\n\n<!-- no test in this section: x -->\nSaid.\n\n\
                ### C\n\n<!-- no test: x -->\nSaid.\n\n| a | b |\n|---|---|\n\
                | `a_b_c_d_e` | c |\n| d | e |\n| f | g <!-- no test: x --> |";
    assert_eq!(without_a_test(text), ["Said.", "one", "| d | e |"]);
}

/// Otherwise a page could be there that nobody finds.
#[test]
fn every_page_is_led_to_by_another() {
    let pages = pages();
    let mut led_to = BTreeSet::new();
    for page in &pages {
        let folder = page.name.parent().unwrap_or(Path::new(""));
        for link in page.links().iter().filter(|link| !link.contains("://")) {
            let path = link.split('#').next().unwrap_or_default();
            led_to.extend(top().join(folder).join(path).canonicalize());
        }
    }
    let docs: Vec<_> = pages.iter().filter(|page| page.name.starts_with("docs")).collect();
    let alone = docs.iter().filter(|page| !led_to.contains(&top().join(&page.name)));
    let findings: Vec<_> = alone.map(|page| page.name.display().to_string()).collect();
    assert_none(docs.len(), 5, &findings);
}

/// The direct dependencies of one kind, as Cargo.toml names them: for every target, and for some.
fn dependencies(manifest: &str, kind: &str) -> BTreeSet<String> {
    let of_targets = format!(".{kind}]");
    let is_section = |head: &str| head == format!("{kind}]") || head.ends_with(&of_targets);
    let sections = manifest.split("\n[").filter_map(|section| section.split_once('\n'));
    let lines = sections.filter(|(head, _)| is_section(head)).flat_map(|(_, lines)| lines.lines());
    let names = lines.filter(|line| line.starts_with(|sign: char| sign.is_ascii_lowercase()));
    names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Every direct dependency has a reason, and nothing else has one.
#[test]
fn every_dependency_is_there_for_a_reason_and_used_where_the_page_says() {
    let manifest = fs::read_to_string(top().join("Cargo.toml")).expect("the manifest");
    let page = fs::read_to_string(top().join("docs/dependencies.md")).expect("the page");
    let (mut count, mut findings) = (0, Vec::new());
    let mut reasons: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let kind = match section.lines().next() {
            Some("The build") => "build-dependencies",
            Some("Tests and benches") => "dev-dependencies",
            _ => "dependencies",
        };
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, reason, file] = cells[..] else { panic!("three cells: {row}") };
            let (name, file) = (name.trim_matches('`'), file.trim_matches('`'));
            count += 1;
            let used = fs::read_to_string(top().join(file)).unwrap_or_default();
            if !used.contains(&name.replace('-', "_")) && !used.contains(name) {
                findings.push(format!("{name} is not in {file}"));
            }
            let new = reasons.entry(kind).or_default().insert(name.to_owned());
            if reason.is_empty() || !new {
                findings.push(format!("{name}: one row, with a reason"));
            }
        }
    }
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let (named, given) = (dependencies(&manifest, kind), &reasons[kind]);
        findings
            .extend(named.difference(given).map(|name| format!("{kind}: why is {name} there?")));
        findings.extend(given.difference(&named).map(|name| format!("{kind}: there is no {name}")));
    }
    assert_none(count, 80, &findings);
}

/// The pages are read as text: what reads them must see what is there.
#[test]
fn the_reader_sees_spans_links_and_headings_and_nothing_in_fences() {
    let text = "# One: `two`?\n\nSee [a](b.md#c) and `src/lib.rs` or `tests/*.sh 1000`.\n\
                ```sh\n# none\n[x](y) `src/none.rs`\n```\n## One two\n\nAn odd ` is here.\n\n`src/main.rs`\n";
    let page = Page { name: PathBuf::from("page.md"), text: text.to_owned() };
    assert_eq!(page.links(), ["b.md#c"]);
    let spans = page.spans();
    let named: Vec<_> = spans.iter().filter_map(|span| path_of(span)).collect();
    assert_eq!(named, ["src/lib.rs", "tests/*.sh", "src/main.rs"]);
    assert_eq!(page.anchors(), BTreeSet::from(["one-two".to_owned(), "one-two-1".to_owned()]));
    assert!(exists("tests/*.sh") && exists("src/lib.rs") && !exists("tests/*.none"));
    for other in ["jeton-dev/data", "target/release/jeton", "/metrics", "application/json", "src/"]
    {
        assert_eq!(path_of(other), None, "{other}");
    }
}
