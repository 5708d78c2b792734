//! The lists of CONTRIBUTING.md: each names every file that the last of its kind stands in.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A section, with a word of the latest of its kind in the code.
struct Recipe {
    heading: &'static str,
    word: &'static str,
    /// Files that use it, which the next of its kind does not need.
    uses: &'static [&'static str],
}

const RECIPES: [Recipe; 4] = [
    Recipe {
        heading: "## Adding a field of a client",
        word: "may_exchange_to",
        uses: &["src/domain/issue.rs", "src/config/sections/agent.rs"],
    },
    Recipe {
        heading: "## Adding a grant type",
        word: "::TokenExchange",
        uses: &[
            "src/domain/issue.rs",
            "src/domain/exchange.rs",
            "src/client/exchange_grant.rs",
            "src/cli/token.rs",
        ],
    },
    Recipe {
        heading: "## Adding a field of an answer about a token",
        word: "cache_ttl",
        uses: &["src/client/validator/options.rs", "src/client/validator/session.rs"],
    },
    Recipe {
        heading: "## Adding an error",
        word: "TooWeak",
        uses: &[
            "src/service/administration/client_secrets.rs",
            "src/service/administration/clients.rs",
            "src/service/administration/new_password.rs",
        ],
    },
];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files of `folder` that hold `word`, as the page names them.
fn holders(folder: &Path, word: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            holders(&path, word, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            if text.contains(word) {
                let name: PathBuf = path.strip_prefix(top()).expect("below the top").into();
                found.insert(name.display().to_string());
            }
        }
    }
}

#[test]
fn every_file_that_the_last_of_a_kind_stands_in_is_on_its_list() {
    let page = fs::read_to_string(top().join("CONTRIBUTING.md")).expect("the page");
    let mut missing = Vec::new();
    for Recipe { heading, word, uses } in RECIPES {
        let (_, section) = page.split_once(heading).expect(heading);
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut found = BTreeSet::new();
        holders(&top().join("src"), word, &mut found);
        assert!(found.len() > 2, "{word} is in the code");
        for file in uses {
            assert!(found.remove(*file), "{heading}: {file} does not use {word}");
        }
        let unknown = found.iter().filter(|file| !section.contains(&format!("`{file}`")));
        missing.extend(unknown.map(|file| format!("{heading}: {file}")));
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}
