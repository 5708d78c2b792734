//! The language of comments and pages: how often words occur that hide what a sentence is about.
//!
//! `cargo test --test words -- --nocapture` prints the counts. The limits are what well-kept code bases have.

use std::{fs, path::Path};

/// Folders whose comments are counted, and pages.
const COUNTED: [&str; 9] = [
    "src",
    "tests",
    "examples",
    "benches",
    "proto",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
];

/// Words in place of a part of the system that returns, sends or shows something.
const TELLING: [&str; 4] = ["tell", "tells", "told", "telling"];
/// Words in place of a named caller, reader or value.
const UNNAMED: [&str; 6] = ["whoever", "whatever", "whichever", "whomever", "whenever", "anew"];
/// First words of a clause in place of a noun or a verb.
const CLAUSES: [&str; 8] = ["What", "Whether", "How", "Where", "Who", "Whose", "Why", "Which"];

/// Occurrences for each 10,000 words.
struct Limits {
    telling: usize,
    unnamed: usize,
    clauses: usize,
}

const LIMITS: Limits = Limits { telling: 2, unnamed: 2, clauses: 8 };

/// Counts of one folder or page.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    words: usize,
    telling: usize,
    unnamed: usize,
    /// Sentences that begin with one of [`CLAUSES`].
    clauses: usize,
}

impl Counts {
    fn add(&mut self, text: &str) {
        let mut begins = true;
        for piece in text.split_whitespace() {
            let word = piece.trim_matches(|letter: char| !letter.is_alphanumeric());
            if !word.is_empty() {
                let lower = word.to_lowercase();
                self.words += 1;
                self.telling += usize::from(TELLING.contains(&&*lower));
                self.unnamed += usize::from(UNNAMED.contains(&&*lower));
                self.clauses += usize::from(begins && CLAUSES.contains(&word));
                begins = false;
            }
            begins |= piece.ends_with(['.', '!', '?', ':']) || piece == "|" || piece == "*";
        }
    }

    fn exceed(&self, limits: &Limits) -> bool {
        let allowed = |limit: usize| (limit * self.words).div_ceil(10_000);
        self.telling > allowed(limits.telling)
            || self.unnamed > allowed(limits.unnamed)
            || self.clauses > allowed(limits.clauses)
    }
}

/// The comments of a source file, or the text of a page without headings and blocks, in paragraphs.
fn paragraphs(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a text file");
    let is_page = path.extension().is_some_and(|ending| ending == "md");
    let (mut paragraphs, mut paragraph, mut in_block) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let line = line.trim_start();
        in_block ^= is_page && line.starts_with("```");
        let said = if is_page { Some(line) } else { line.strip_prefix("//") };
        let said = said.filter(|said| !said.starts_with('#'));
        let said = said.map(|said| said.trim_start_matches(['/', '!', ' ']));
        match said.filter(|said| !said.is_empty() && !in_block) {
            Some(said) => paragraph.extend([said, " "]),
            None => paragraphs.push(std::mem::take(&mut paragraph)),
        }
    }
    paragraphs.push(paragraph);
    paragraphs
}

/// Shows every source file, page and proto file below `path`.
fn each_file(path: &Path, look: &mut impl FnMut(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            each_file(&entry.expect("an entry").path(), look);
        }
    } else if path
        .extension()
        .is_some_and(|own| ["rs", "md", "proto"].iter().any(|ending| own == *ending))
    {
        look(path);
    }
}

#[test]
fn comments_and_pages_name_things_and_conditions() {
    let mut beyond = Vec::new();
    for path in COUNTED {
        let mut counts = Counts::default();
        each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &mut |file| {
            for paragraph in paragraphs(file) {
                counts.add(&paragraph);
            }
        });
        assert!(counts.words > 0, "{path} has no words");
        println!("{path}: {counts:?}");
        if counts.exceed(&LIMITS) {
            beyond.push(format!("{path}: {counts:?}"));
        }
    }
    assert!(beyond.is_empty(), "beyond the limits for each 10,000 words: {beyond:#?}");
}

#[test]
fn words_and_beginnings_of_sentences_are_counted() {
    let mut counts = Counts::default();
    counts
        .add("What a caller is told: whoever asks. Returns what was asked. Whether it is `told`!");
    let expected = Counts { words: 15, telling: 2, unnamed: 1, clauses: 2 };
    assert_eq!(counts, expected);
    assert!(counts.exceed(&LIMITS));
}

/// A number is found only by a reader who has the list that it counts.
#[test]
fn no_comment_of_the_source_names_a_rule_or_document_by_its_number() {
    let mut found = Vec::new();
    let mut look = |path: &Path| {
        for paragraph in paragraphs(path) {
            let words = paragraph.split_whitespace().collect::<Vec<_>>();
            for pair in words.windows(2) {
                let noun = pair[0].trim_start_matches('(').to_lowercase();
                let is_numbered = ["rule", "rules", "document", "documents"].contains(&&*noun)
                    && pair[1].starts_with(|letter: char| letter.is_ascii_digit());
                if is_numbered {
                    found.push(format!("{}: {}", path.display(), pair.join(" ")));
                }
            }
        }
    };
    each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut look);
    assert!(found.is_empty(), "{found:#?}");
}
