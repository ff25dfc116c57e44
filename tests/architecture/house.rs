//! A crate's files and the imports between them, read from its source as text. An import of a name that a module only
//! re-exports is one of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A crate: its modules by path, the root's being empty.
pub(crate) struct House {
    modules: BTreeMap<String, Module>,
    imports: BTreeSet<(String, String)>,
}

/// A module in a file of its own.
#[derive(Default)]
struct Module {
    /// Its path below the root's folder.
    file: String,
    /// Its source without tests.
    text: String,
    defined: BTreeSet<String>,
    /// Names that it hands on, and where they come from.
    reexported: BTreeMap<String, Vec<String>>,
    /// Paths that it uses.
    used: Vec<Vec<String>>,
}

impl House {
    /// The crate whose root is the file `root`.
    pub(crate) fn of(root: &str) -> Self {
        let mut modules = BTreeMap::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        read(&root, String::new(), &mut modules);
        let folder = root.parent().unwrap();
        for module in modules.values_mut() {
            let below = Path::new(&module.file).strip_prefix(folder).unwrap();
            module.file = below.to_str().unwrap().replace('\\', "/");
        }
        let mut house = Self { modules, imports: BTreeSet::new() };
        let mut imports = BTreeSet::new();
        for (name, module) in &house.modules {
            let files = module.used.iter().filter_map(|path| house.resolve(name, path, 0));
            imports.extend(files.filter(|file| file != name).map(|file| (name.clone(), file)));
        }
        house.imports = imports;
        house
    }

    /// The files that contain `word`, the root first.
    pub(crate) fn naming(&self, word: &str) -> Vec<String> {
        let naming = self.modules.values().filter(|module| module.text.contains(word));
        naming.map(|module| module.file.clone()).collect()
    }

    pub(crate) fn files(&self) -> usize {
        self.modules.len()
    }

    pub(crate) fn imports(&self) -> usize {
        self.imports.len()
    }

    /// Modules of the root that only the crate can name.
    pub(crate) fn private_children(&self) -> Vec<&str> {
        let lines = self.modules[""].text.lines().filter(|line| !line.starts_with("pub "));
        lines.filter_map(declared).collect()
    }

    pub(crate) fn has(&self, module: &str) -> bool {
        self.modules.contains_key(module)
    }

    /// An import of anything in `above` by anything in `below`.
    pub(crate) fn import(&self, below: &str, above: &str) -> Option<(String, String)> {
        self.imports.iter().find(|(from, to)| within(from, below) && within(to, above)).cloned()
    }

    /// An import by anything in `module` of what is outside of it.
    pub(crate) fn import_out_of(&self, module: &str) -> Option<(String, String)> {
        self.imports.iter().find(|(from, to)| within(from, module) && !within(to, module)).cloned()
    }

    /// An import of anything in `module` by what is outside of it.
    pub(crate) fn import_into(&self, module: &str) -> Option<(String, String)> {
        self.imports.iter().find(|(from, to)| !within(from, module) && within(to, module)).cloned()
    }

    /// Files each of which imports the next, and the last the first.
    pub(crate) fn circle(&self) -> Option<Vec<String>> {
        let mut done = BTreeSet::new();
        self.modules.keys().find_map(|module| self.circle_from(module, &mut Vec::new(), &mut done))
    }

    fn circle_from(&self, module: &str, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|file| file == module) {
            return Some(way[start..].to_vec());
        }
        if done.contains(module) {
            return None;
        }
        way.push(module.to_owned());
        let next = self.imports.iter().filter(|(from, _)| from == module);
        let found = next.map(|(_, to)| to).find_map(|to| self.circle_from(to, way, done));
        way.pop();
        done.insert(module.to_owned());
        found
    }

    /// The file that defines what `path` means in `module`; `None` if it is another crate's.
    fn resolve(&self, module: &str, path: &[String], depth: usize) -> Option<String> {
        let (first, mut rest) = path.split_first().filter(|_| depth < 8)?;
        let mut at = match first.as_str() {
            "crate" => String::new(),
            "self" => module.to_owned(),
            "super" => parent(module),
            name if self.has(&join(module, name)) => join(module, name),
            _ => return None,
        };
        while let Some((name, more)) = rest.split_first() {
            let here = &self.modules[&at];
            match name.as_str() {
                "super" => at = parent(&at),
                "self" => {}
                name if self.has(&join(&at, name)) => at = join(&at, name),
                name if here.defined.contains(name) => return Some(at),
                name => {
                    let from = here.reexported.get(name)?;
                    let path: Vec<String> = from.iter().chain(more).cloned().collect();
                    return self.resolve(&at, &path, depth + 1);
                }
            }
            rest = more;
        }
        Some(at)
    }
}

fn within(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Reads a module's file, and those of its children.
fn read(file: &Path, name: String, modules: &mut BTreeMap<String, Module>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = without_tests(&text);
    let mut module = Module::default();
    for statement in statements(&text, "use ") {
        let public = statement.starts_with("pub");
        let tree = statement.split_once("use ").map_or("", |(_, tree)| tree);
        for (path, known_as) in flatten(tree) {
            if public {
                module.reexported.insert(known_as, path);
            } else {
                module.used.push(path);
            }
        }
    }
    for line in text.lines() {
        let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        let mut words = line
            .trim_start_matches("const fn ")
            .trim_start_matches("async ")
            .split(|c: char| !c.is_alphanumeric() && c != '_');
        let (keyword, item) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match keyword {
            "struct" | "enum" | "trait" | "fn" | "const" | "static" | "type" if !item.is_empty() => {
                module.defined.insert(item.to_owned());
            }
            "mod" if line.ends_with(';') => read(&child(file, item), join(&name, item), modules),
            "mod" => {
                module.defined.insert(item.to_owned());
            }
            other if line.starts_with("const fn ") => {
                module.defined.insert(other.to_owned());
            }
            _ => {}
        }
    }
    let children: Vec<&str> = text.lines().filter_map(declared).collect();
    module.used.extend(paths(&text).filter(|path| {
        let first = path[0].as_str();
        ["crate", "super", "self"].contains(&first) || children.contains(&first)
    }));
    module.file = file.to_str().unwrap().to_owned();
    module.text = text;
    modules.insert(name, module);
}

/// The module that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// Paths of two parts or more in the code, outside `use` and comments.
fn paths(text: &str) -> impl Iterator<Item = Vec<String>> {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.contains("use "));
    let words = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':'));
    let path = |word: &str| word.split("::").filter(|part| !part.is_empty()).map(Into::into).collect::<Vec<String>>();
    words.map(path).filter(|path| path.len() > 1)
}

/// The file of the module `name` that is declared in `file`.
fn child(file: &Path, name: &str) -> PathBuf {
    let (folder, stem) = (file.parent().unwrap(), file.file_stem().unwrap());
    let folder =
        if ["lib", "main", "mod"].iter().any(|root| stem == *root) { folder.into() } else { folder.join(stem) };
    let alone = folder.join(format!("{name}.rs"));
    if alone.exists() { alone } else { folder.join(name).join("mod.rs") }
}

/// Tests may import what they like; those within a file are its last lines.
fn without_tests(text: &str) -> String {
    let (mut kept, mut lines) = (String::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        if !["#[cfg(test)]", "#[cfg(all(test", "#[cfg(doctest)]"].iter().any(|tests| line.starts_with(tests)) {
            kept += line;
            kept.push('\n');
            continue;
        }
        while lines.next_if(|line| line.starts_with("#[")).is_some() {}
        if lines.next().is_some_and(|item| item.starts_with("mod ") && item.ends_with('{')) {
            break;
        }
    }
    kept
}

/// Statements that hold `keyword` at their start, up to the semicolon.
fn statements<'a>(text: &'a str, keyword: &str) -> Vec<&'a str> {
    let starts = |line: &str| {
        let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        line.starts_with(keyword)
    };
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if starts(line.trim_start()) && !line.trim_start().starts_with("//") {
            let rest = text[at..].trim_start();
            found.push(rest.split(';').next().unwrap_or_default());
        }
        at += line.len();
    }
    found
}

/// `a::{b, c::d as e}` as the paths `a::b` and `a::c::d`, and what they are known as.
fn flatten(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if let Some((front, group)) = tree.split_once('{') {
        let inside = group.trim_end().strip_suffix('}').unwrap_or(group);
        let prefix: Vec<String> =
            front.split("::").map(str::trim).filter(|part| !part.is_empty()).map(Into::into).collect();
        let branches = split_at_top(inside).into_iter().flat_map(flatten);
        return branches.map(|(path, name)| (prefix.iter().cloned().chain(path).collect(), name)).collect();
    }
    let (path, known_as) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path: Vec<String> =
        path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let Some(last) = path.last().cloned() else { return Vec::new() };
    let name = if known_as.is_empty() { last } else { known_as.trim().to_owned() };
    vec![(path, name)]
}

/// What stands between the commas outside braces.
fn split_at_top(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or(String::new(), |(parent, _)| parent.to_owned())
}
