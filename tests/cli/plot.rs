//! The still picture of a run.

use tempfile::TempDir;

use crate::bad_input::{folder, refused};
use crate::support::{Row, read_rows, sample, text, voxgate};

/// Bars lie where the table has frames that were sent, and where each reason kept frames out.
#[test]
fn bars_are_where_the_table_says() {
    let dir = TempDir::new().unwrap();
    let args = ["--playback", concat!(env!("CARGO_MANIFEST_DIR"), "/samples/echo_playback.wav"), "--frames", "f.csv"];
    let run = voxgate().current_dir(dir.path()).arg("gate").arg(sample("echo_mic")).args(args).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    let rows = read_rows(&std::fs::read_to_string(dir.path().join("f.csv")).unwrap());
    for (from, to) in [(0, rows.len()), (600, 950)] {
        let cut = [format!("{}", 10 * from), format!("{}ms", 10 * to)];
        let args = ["plot", "f.csv", "--out", "f.svg", "--from", &cut[0], "--to", &cut[1]];
        let run = voxgate().current_dir(dir.path()).args(args).output().unwrap();
        assert!(run.status.success(), "{}", text(&run.stderr));
        let svg = std::fs::read_to_string(dir.path().join("f.svg")).unwrap();
        let kept_out = |reason: &'static str| move |row: &Row| !row.forwarded && row.reason == reason;
        check_bars(&svg, "#0072B2", &rows[from..to], |row| row.forwarded);
        check_bars(&svg, "#007A5A", &rows[from..to], kept_out("echo"));
        check_bars(&svg, "#8C959F", &rows[from..to], kept_out("silence"));
        for word in ["f.csv", "turn", "sent", "silence", "start 0.35 (dashes)"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}

#[test]
fn the_thresholds_are_those_of_the_settings() {
    let dir = folder();
    let run = |args: &[&str]| voxgate().current_dir(dir.path()).args(args).output().unwrap();
    assert!(run(&["gate", "mic.wav", "--quiet", "--frames", "f.csv"]).status.success());
    let svg = text(&run(&["plot", "f.csv", "--out", "-", "--set", "turn.sure_threshold=0.77"]).stdout);
    assert!(svg.starts_with("<svg") && svg.contains("sure 0.77"), "{svg}");
    refused("plot_bitmap", dir.path(), &["plot", "f.csv", "--out", "f.png"], 2);
    refused("plot_nothing", dir.path(), &["plot", "f.csv", "--out", "f.svg", "--from", "3s"], 2);
    refused("plot_over_its_table", dir.path(), &["plot", "f.csv", "--out", "./f.csv"], 2);
    refused("plot_no_table", dir.path(), &["plot", "mic.wav", "--out", "f.svg"], 1);
}

/// Each bar of that colour begins and ends, within a pixel, where a run of such frames does.
fn check_bars(svg: &str, colour: &str, rows: &[Row], is_in: impl Fn(&Row) -> bool) {
    let number = |line: &str, name: &str| -> f64 {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let bars = svg.split('<').filter(|line| line.starts_with("rect") && line.contains(colour));
    let bars: Vec<_> = bars.map(|line| (number(line, "x"), number(line, "x") + number(line, "width"))).collect();
    let edges: Vec<usize> =
        (0..=rows.len()).filter(|n| is(rows, *n, &is_in) != is(rows, n.wrapping_sub(1), &is_in)).collect();
    assert_eq!(edges.len(), 2 * bars.len(), "{colour}");
    let x = |frame: usize| 84.0 + (1200.0 - 84.0 - 24.0) * frame as f64 / rows.len() as f64;
    for (bar, edge) in bars.iter().zip(edges.chunks(2)) {
        let off = (bar.0 - x(edge[0])).abs().max((bar.1 - x(edge[1])).abs());
        assert!(off <= 2.0, "{colour}: {bar:?} {edge:?}");
    }
}

fn is(rows: &[Row], n: usize, is_in: impl Fn(&Row) -> bool) -> bool {
    rows.get(n).is_some_and(is_in)
}
