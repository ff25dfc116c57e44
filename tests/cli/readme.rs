//! What the documentation shows as output of the command is made by the command.

use std::path::{Path, PathBuf};

use crate::support::{text, voxgate};

/// Each block that is marked `console` and begins with a prompt; `...` alone on a line stands for lines left out.
#[test]
fn every_output_that_is_shown_is_printed() {
    let mut shown = 0;
    for page in pages() {
        let page_text = std::fs::read_to_string(&page).unwrap();
        for (command, output) in blocks(&page_text) {
            let (printed, page) = (printed(command), page.display());
            assert!(fits(output, &printed), "{page}: `{command}` prints\n{printed}\nand shown is\n{output}");
            shown += 1;
        }
    }
    assert!(shown >= 5, "{shown} blocks were found");
}

/// Output that is not marked would not be checked.
#[test]
fn no_output_of_a_run_is_shown_unmarked() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for block in page.split("```text\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        assert!(!block.contains("forwarded ") && !block.contains("sent to STT"), "mark it `console`:\n{block}");
    }
}

#[test]
fn a_line_that_is_not_printed_is_seen() {
    assert!(fits("one\n...\nthree", "one\ntwo\nthree\n"));
    assert!(fits("one\ntwo", "one\ntwo\n") && fits("...\nthree", "one\ntwo\nthree\n"));
    assert!(!fits("one\nthree", "one\ntwo\nthree\n") && !fits("one\n...\nfour", "one\ntwo\nthree\n"));
    let page = "```console\n$ voxgate model\nsilero\n```\n```text\n$ voxgate no\n```\n";
    assert_eq!(blocks(page).collect::<Vec<_>>(), [("voxgate model", "silero\n")]);
}

/// Every page that may show output.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs/src"), root.join("samples"), root.join("benches")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The commands of a page, and what is shown of their output.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```console\n$ ").skip(1).map(|rest| {
        let (block, _) = rest.split_once("```").expect("a block that ends");
        block.split_once('\n').expect("a command in a line of its own")
    })
}

fn printed(command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("voxgate"), "{command}");
    let output = voxgate().current_dir(env!("CARGO_MANIFEST_DIR")).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Line by line, apart from empty lines at the ends and blanks at the end of a line.
fn fits(shown: &str, printed: &str) -> bool {
    let lines = |text: &str| text.trim_matches('\n').lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    let printed = lines(printed).join("\n");
    let shown = lines(shown);
    let pieces: Vec<String> = shown.split(|line| line == "...").map(|piece| piece.join("\n")).collect();
    let [first, rest @ ..] = &pieces[..] else { return false };
    let Some(mut left) = printed.strip_prefix(first.as_str()) else { return false };
    for piece in rest {
        let Some(at) = left.find(piece.as_str()) else { return false };
        left = &left[at + piece.len()..];
    }
    left.is_empty() || shown.last().is_some_and(|line| line == "...")
}
