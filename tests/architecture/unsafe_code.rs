//! The `unsafe` of our own sources, read as text.

use std::path::{Path, PathBuf};

/// A place where `unsafe` stands, and why it may.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    /// Its line without blanks at the edges.
    pub(crate) code: String,
    /// What its comment says; empty without one.
    pub(crate) why: String,
}

impl Place {
    /// A line of the inventory.
    pub(crate) fn row(&self) -> String {
        format!("{} | {} | {}", self.file, self.code, self.why)
    }
}

/// Every `unsafe` in the repository, in order of files and lines.
pub(crate) fn inventory() -> Vec<Place> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates", "bindings", "benches", "examples", "fuzz/src", "tests"] {
        walk(&root.join(folder), &mut files);
    }
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        found.extend(places(&name, &text));
    }
    found
}

fn places(file: &str, text: &str) -> Vec<Place> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    // A function of C says in the header what its pointers have to be; its body is a block with a comment of its own.
    let exported = |n: usize| n > 0 && lines[n - 1] == "#[unsafe(no_mangle)]";
    let is_type = |line: &str| line.contains("unsafe extern \"C\" fn(");
    let is_code = |line: &str| !is_type(line) || line.contains("unsafe {");
    let counts = |n: usize| is_unsafe(lines[n]) && !exported(n) && is_code(lines[n]);
    let place = |n: usize| Place { file: file.to_owned(), code: lines[n].to_owned(), why: why(&lines, n) };
    (0..lines.len()).filter(|n| counts(*n)).map(place).collect()
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let word = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern "];
    word.iter()
        .any(|word| code.starts_with(word) || code.contains(&format!(" {word}")) || code.contains(&format!("({word}")))
}

/// The comment above, up to the blank line or the statement before; of a function the section on safety in its documentation.
fn why(lines: &[&str], at: usize) -> String {
    if lines[at].contains("unsafe fn ") || lines[at].starts_with("unsafe extern ") {
        let documentation: Vec<&str> = lines[..at].iter().rev().copied().take_while(|line| is_heading(line)).collect();
        let section = documentation.iter().position(|line| *line == "/// # Safety");
        let promise = section.and_then(|section| documentation[section.checked_sub(1)?].strip_prefix("/// "));
        return promise.unwrap_or_default().to_owned();
    }
    let above = lines[..at].iter().rev().take_while(|line| !line.is_empty()).take(REACH);
    let same_statement = above.take_while(|line| !line.ends_with(';') || line.starts_with("//"));
    same_statement.filter_map(|line| line.strip_prefix("// SAFETY: ")).next().unwrap_or_default().to_owned()
}

/// A line of documentation, or an attribute.
fn is_heading(line: &str) -> bool {
    line.starts_with("///") || line.starts_with("#[")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if entry.is_dir() && !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
            walk(&entry, files);
        } else if name.ends_with(".rs") {
            files.push(entry);
        }
    }
}

/// Lines between a comment and what it is about, at most.
const REACH: usize = 9;
