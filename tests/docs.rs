//! The documents: links lead somewhere, every block of code is checked by something, and what is said of settings and
//! events is what the code has. The Rust blocks are documentation tests (`src/book.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;
use voxgate::GateConfig;
use voxgate::budget::PriceBook;

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        for link in links(&read(&document)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            if let Err(why) = follow(&document, &link) {
                broken.push(format!("{}: {link}: {why}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_chapter_is_in_the_summary() {
    let summary: BTreeSet<String> = links(&read(&book().join("SUMMARY.md"))).into_iter().collect();
    let chapters: BTreeSet<String> = chapters().iter().map(|path| name(path)).collect();
    assert_eq!(summary, chapters);
}

#[test]
fn every_block_is_checked_by_something() {
    let doctests = read(&root().join("src/book.rs"));
    for document in chapters().into_iter().chain([root().join("README.md")]) {
        for block in blocks(&read(&document)) {
            let place = format!("{}: ```{}\n{}", document.display(), block.language, block.text);
            match block.language.as_str() {
                "rust" => {
                    assert!(doctests.contains(&format!("/{}\")", name(&document))), "not in src/book.rs: {place}")
                }
                "toml" => drop(GateConfig::from_toml(&block.text).unwrap_or_else(|error| panic!("{place}{error}"))),
                "toml,prices" => {
                    drop(PriceBook::from_toml(&block.text).unwrap_or_else(|error| panic!("{place}{error}")))
                }
                #[cfg(feature = "serve")]
                "toml,serve" => drop(
                    voxgate::serve::ServeConfig::from_toml(&block.text)
                        .unwrap_or_else(|error| panic!("{place}{error}")),
                ),
                #[cfg(not(feature = "serve"))]
                "toml,serve" => {}
                "sh" => assert!(block.text.lines().all(is_there), "{place}"),
                "c" => assert_eq!(name(&document), "c.md", "bindings/c/test runs that one: {place}"),
                "python" => assert_eq!(name(&document), "python.md", "bindings/python/tests runs that one: {place}"),
                "console" | "csv" | "json" => {} // by tests/cli/readme.rs, and below
                _ => panic!("nothing checks {place}"),
            }
        }
    }
}

#[test]
fn the_settings_chapter_has_every_key_with_its_default() {
    let rows: BTreeMap<String, String> = read(&book().join("settings.md")).lines().filter_map(setting).collect();
    let defaults: toml::Table = GateConfig::commented_toml().parse().unwrap();
    let mut expected = BTreeMap::new();
    for (key, value) in defaults {
        match value {
            toml::Value::Table(section) => {
                expected
                    .extend(section.into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value.to_string())));
            }
            value => drop(expected.insert(key, value.to_string())),
        }
    }
    assert_eq!(rows, expected);
}

/// A row of the chapter: key and default.
/// Each row of the chapter on faults is a test, and there is one of that name.
#[test]
fn every_fault_has_the_test_that_its_row_names() {
    let mut sources = Vec::new();
    for folder in ["tests", "src", "crates"] {
        gather(&root().join(folder), &mut sources);
    }
    let text: String = sources.iter().map(|path| read(path)).collect();
    let chapter = read(&book().join("faults.md"));
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test in: {row}");
        for name in names {
            assert!(text.contains(&format!("fn {name}(")), "no test is called {name}: {row}");
        }
    }
}

/// The sources of Rust below a folder.
fn gather(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.extension() {
            _ if entry.is_dir() => gather(&entry, sources),
            Some(extension) if extension == "rs" => sources.push(entry),
            _ => {}
        }
    }
}

fn setting(line: &str) -> Option<(String, String)> {
    let mut cells = line.strip_prefix("| `")?.split(" | ");
    let key = cells.next()?.strip_suffix('`')?;
    Some((key.to_owned(), cells.next()?.trim_matches('`').to_owned()))
}

#[test]
fn the_events_chapter_shows_the_fields_that_the_command_writes() {
    let written = written_events();
    let shown: Vec<Value> = blocks(&read(&book().join("events.md")))
        .into_iter()
        .filter(|block| block.language == "json")
        .map(|block| serde_json::from_str(&block.text).unwrap())
        .collect();
    assert!(shown.len() >= 7, "{shown:?}");
    for event in &shown {
        let name = event["event"].as_str().unwrap();
        let real = written.get(name).unwrap_or_else(|| panic!("no sample gives the event {name}"));
        assert_eq!(fields(event, ""), fields(real, ""), "{name}");
    }
    let kinds: BTreeSet<&str> = shown.iter().filter_map(|event| event["event"].as_str()).collect();
    let known: BTreeSet<&str> = written.keys().map(String::as_str).filter(|kind| *kind != "repeat").collect();
    assert_eq!(kinds, known);
}

#[test]
fn the_events_chapter_shows_the_header_of_the_frames() {
    let frames = voxgate(&["gate", "samples/soft_speaker.wav", "--quiet", "--frames", "-"]);
    let header = blocks(&read(&book().join("events.md"))).into_iter().find(|block| block.language == "csv").unwrap();
    assert_eq!(frames.lines().next(), header.text.lines().next());
}

/// One event of each kind. Shards become misfires where the judge of bursts is off.
fn written_events() -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    for arguments in [
        &["samples/packet_loss.wav"][..],
        &["samples/short_words.wav", "--set", "burst=off", "--set", "turn.sure_threshold=0.9", "--set", SURE_ALONE],
    ] {
        let lines = voxgate(&[&["gate"], arguments, &["--quiet", "--events", "-"]].concat());
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            events.entry(event["event"].as_str().unwrap().to_owned()).or_insert(event);
        }
    }
    events
}

/// Only what is sure opens the gate, so that a shard's opening is a short one.
const SURE_ALONE: &str = "turn.activation_threshold=0.9";

/// The paths of all fields; what is null has none below it.
fn fields(value: &Value, path: &str) -> BTreeSet<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let path = format!("{path}.{key}");
                std::iter::once(path.clone()).chain(fields(value, &path)).collect::<Vec<_>>()
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}

fn voxgate(arguments: &[&str]) -> String {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("voxgate");
    let output = command.current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the link of a document leads to a file, and to a heading in it.
fn follow(document: &Path, link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { document.to_owned() } else { document.parent().unwrap().join(path) };
    let target = target.canonicalize().map_err(|_| "there is no such file".to_owned())?;
    if document.starts_with(book()) && !target.starts_with(book().canonicalize().unwrap()) {
        return Err("leads out of the book, where its readers have no file".to_owned());
    }
    if anchor.is_empty() || headings(&read(&target)).contains(anchor) { Ok(()) } else { Err("no such heading".into()) }
}

/// Where links and images lead to.
fn links(markdown: &str) -> Vec<String> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    };
    Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(target).collect()
}

/// The anchors of all headings, as GitHub and mdBook make them.
fn headings(markdown: &str) -> BTreeSet<String> {
    let (mut found, mut heading) = (BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => found.extend(heading.take().map(|heading| anchor(&heading))),
            Event::Text(text) | Event::Code(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
            _ => {}
        }
    }
    found
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

struct Block {
    language: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                inside = true;
                found.push(Block { language: language.into_string(), text: String::new() });
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => panic!("name the language of each block"),
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(text) if inside => found.last_mut().unwrap().text.push_str(&text),
            _ => {}
        }
    }
    found
}

/// Whether a line of shell starts a common program, or one of the repository.
fn is_there(line: &str) -> bool {
    let program = line.split_whitespace().next().unwrap_or_default();
    ["apt-get", "cargo", "cc", "just"].contains(&program) || root().join(program).is_file()
}

/// Every text that people read.
fn documents() -> Vec<PathBuf> {
    let elsewhere = ["benches/README.md", "samples/README.md", "models/echo/README.md", "models/silero_vad_v6.2.md"];
    let top = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_markdown(path));
    top.chain(elsewhere.map(|path| root().join(path))).chain(chapters()).chain([book().join("SUMMARY.md")]).collect()
}

fn chapters() -> Vec<PathBuf> {
    let all = std::fs::read_dir(book()).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| is_markdown(path) && name(path) != "SUMMARY.md").collect()
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn book() -> PathBuf {
    root().join("docs/src")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
