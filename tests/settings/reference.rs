//! `examples/jeton.toml` and `docs/settings.md` show the settings as they are declared.

use std::{fs, path::PathBuf};

use jeton::config::{Form, Section, sections};

const EXAMPLE: &str = "examples/jeton.toml";
const PAGE: &str = "docs/settings.md";

fn text_of(file: &str) -> String {
    fs::read_to_string(path_of(file)).expect("a file of the tree")
}

fn path_of(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn the_example_and_the_page_are_made_from_the_declarations() {
    for file in [EXAMPLE, PAGE] {
        let text = text_of(file);
        for section in sections() {
            let (head, block) = block(file, &section);
            let shown = part(&text, &head);
            assert_eq!(
                shown, block,
                "{file}: cargo test --test settings write_the_pages -- --ignored"
            );
        }
    }
}

#[test]
#[ignore = "writes files of the tree"]
fn write_the_pages() {
    for file in [EXAMPLE, PAGE] {
        let mut text = text_of(file);
        for section in sections() {
            let (head, block) = block(file, &section);
            let shown = part(&text, &head).to_owned();
            text = text.replacen(&format!("{head}{shown}"), &format!("{head}{block}"), 1);
        }
        fs::write(path_of(file), text).expect("written");
    }
}

/// Every flag of the help comes from a declaration, and so do variables: this names what is missing.
#[test]
fn every_setting_has_a_text_that_begins_with_a_sentence() {
    for section in sections() {
        assert!(section.text.trim().ends_with('.'), "[{}]: {}", section.name, section.text);
        for setting in section.settings {
            let name = format!("{}.{}", section.name, setting.key);
            assert_eq!(setting.section, section.name, "{name}");
            assert!(setting.text.trim().ends_with('.') && !setting.help().is_empty(), "{name}");
            assert!(
                setting.default.is_some() || setting.example.is_some(),
                "{name} has a value to show"
            );
            if let (Some(default), Form::Text(_) | Form::Amount(_) | Form::Number | Form::Switch) =
                (&setting.default, setting.form)
            {
                assert_eq!(setting.check(default), Ok(()), "{name}: its own default is refused");
            }
        }
    }
}

/// Returns the heading of a section in a file, and what follows it up to the next.
fn block(file: &str, section: &Section) -> (String, String) {
    if file == EXAMPLE {
        (format!("\n[{}]\n", section.name), toml(section))
    } else {
        (format!("\n## `[{}]`\n", section.name), markdown(section))
    }
}

/// Returns the text between a heading and the next one.
fn part<'a>(text: &'a str, head: &str) -> &'a str {
    let (_, rest) = text.split_once(head).unwrap_or_else(|| panic!("{head} is missing"));
    let next = if head.contains('#') { "\n## " } else { "\n[" };
    let end = rest.find(next).unwrap_or(rest.len());
    // A comment above a list of tables belongs to it.
    let end = rest[..end].find("\n\n# Clients and users").map_or(end, |at| at + 1);
    &rest[..end]
}

fn toml(section: &Section) -> String {
    let mut block = comment(&plain(section.text));
    for setting in &section.settings {
        block.push_str("#\n");
        block.push_str(&comment(&plain(setting.text)));
        let unset = match (&setting.default, setting.otherwise) {
            (Some(default), _) if setting.example.is_some() => {
                Some(format!("By default {default}."))
            }
            (None, Some(otherwise)) => Some(format!("By default {otherwise}.")),
            (Some(_), _) | (None, None) => None,
        };
        let flag = setting.flag.map(|flag| format!("--{}, {}", flag.name, flag.variable()));
        let limits = setting.limits().map(|limits| format!("Allowed: {limits}."));
        let notes: Vec<_> = limits.into_iter().chain(unset).chain(flag).collect();
        if !notes.is_empty() {
            block.push_str(&comment(&notes.join(" ")));
        }
        let value = setting.example.or(setting.default.as_deref()).unwrap_or_default();
        block.extend(["#", setting.key, " = ", &literal(setting.form, value), "\n"]);
    }
    block
}

fn markdown(section: &Section) -> String {
    let mut block = format!("\n{}\n\n", joined(section.text));
    block.push_str("| key | | default | allowed | flag and variable |\n|---|---|---|---|---|\n");
    for setting in &section.settings {
        let default = match (&setting.default, setting.otherwise) {
            (Some(default), _) => format!("`{}`", literal(setting.form, default)),
            (None, Some(otherwise)) => otherwise.to_owned(),
            (None, None) => String::new(),
        };
        let flag = setting.flag.map(|flag| format!("`--{}`, `{}`", flag.name, flag.variable()));
        let cells = [
            format!("`{}`", setting.key),
            joined(setting.text),
            default,
            setting.limits().unwrap_or_default().to_owned(),
            flag.unwrap_or_default(),
        ];
        let cells = cells.map(|cell| if cell.is_empty() { cell } else { format!(" {cell}") });
        block.extend(["|", &cells.join(" |"), " |\n"]);
    }
    block
}

fn literal(form: Form, value: &str) -> String {
    match form {
        Form::Text(_) | Form::Amount(_) | Form::Secret(_) | Form::Path => format!("{value:?}"),
        Form::Number | Form::Switch => value.to_owned(),
        Form::Texts => format!("[{value}]"),
    }
}

/// The description on one line.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The description on one line, without the marks of a page.
fn plain(text: &str) -> String {
    joined(text).replace('`', "")
}

/// Lines of a comment.
fn comment(text: &str) -> String {
    const WIDTH: usize = 100;
    let (mut lines, mut line) = (String::new(), "#".to_owned());
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}
