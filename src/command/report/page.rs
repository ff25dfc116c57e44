//! The page around the data: markup, styles, the charting library and the program, each from a file of its own.

use std::io::Write;

/// All that comes before the data.
pub(super) fn write_start(out: &mut impl Write) -> std::io::Result<()> {
    let (head, body) = MARKUP.split_once(STYLES_HERE).unwrap_or((MARKUP, ""));
    let (body, _) = body.split_once(DATA_HERE).unwrap_or((body, ""));
    writeln!(out, "{head}<style>\n{UPLOT_STYLES}\n{STYLES}</style>{body}")
}

/// All that comes after the data.
pub(super) fn write_end(out: &mut impl Write) -> std::io::Result<()> {
    let end = MARKUP.split_once(DATA_HERE).map_or("", |(_, end)| end);
    writeln!(out, "<!--\n{UPLOT_LICENCE}\n-->\n<script>{UPLOT}</script>")?;
    for program in PROGRAM {
        writeln!(out, "<script>\n{program}</script>")?;
    }
    out.write_all(end.as_bytes())
}

const MARKUP: &str = include_str!("page/page.html");
const STYLES_HERE: &str = "<!-- styles -->";
const DATA_HERE: &str = "<!-- data and program -->";
const STYLES: &str = include_str!("page/page.css");
const UPLOT: &str = include_str!("vendor/uPlot.iife.min.js");
const UPLOT_STYLES: &str = include_str!("vendor/uPlot.min.css");
const UPLOT_LICENCE: &str = include_str!("vendor/LICENSE-uPlot");
/// In the order in which they build on each other.
const PROGRAM: [&str; 11] = [
    include_str!("page/data.js"),
    include_str!("page/levels.js"),
    include_str!("page/words.js"),
    include_str!("page/colours.js"),
    include_str!("page/player.js"),
    include_str!("page/lanes.js"),
    include_str!("page/timeline.js"),
    include_str!("page/tables.js"),
    include_str!("page/labels.js"),
    include_str!("page/marks.js"),
    include_str!("page/main.js"),
];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    #[test]
    fn the_library_is_the_one_on_its_card() {
        let card = include_str!("vendor/README.md");
        for file in [super::UPLOT, super::UPLOT_STYLES] {
            let sum: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(card.contains(&sum), "{sum} is not on the card");
        }
    }
}
