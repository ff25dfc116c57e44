//! Every format as its programs write it, and as it breaks.

use super::*;

#[test]
fn what_programs_write_is_read() {
    for (format, text) in WRITTEN {
        let found: Vec<_> = format.read(text).unwrap().iter().map(|l| (l.start_ms, l.end_ms, name(l))).collect();
        let first = if format == LabelFormat::Rttm { "user" } else { "Go \"on\"" };
        let expected = [(400, 2_060, first.to_owned()), (6_200, 7_850, "agent".to_owned())];
        assert_eq!(found, expected, "{format:?}");
        assert_eq!(LabelFormat::of_contents(text), Some(format));
    }
}

#[test]
fn what_is_written_is_read_back() {
    let labels =
        [Label::of(0, 70, SPEECH), Label::of(70, 3_599_999, NO_SPEECH), Label::of(3_600_000, 3_661_005, SPEECH)];
    for format in EVERY_FORMAT {
        let text = format.write(&labels, "my call", 4_000_000);
        assert_eq!(LabelFormat::of_contents(&text), Some(format), "{text}");
        let read: Vec<_> = format.read(&text).unwrap().iter().map(|l| (l.start_ms, l.end_ms, name(l))).collect();
        let kept = labels.iter().filter(|label| format != LabelFormat::Rttm || label.text == SPEECH);
        assert_eq!(read, kept.map(|l| (l.start_ms, l.end_ms, l.text.clone())).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn what_is_cut_or_wrong_is_told_with_its_line() {
    use LabelFormat::{Audacity, Rttm, Table, TextGrid, WebVtt};
    for (format, text, line, what) in [
        (Audacity, "0.4\t2.06\tgo\n6.2\n", 2, "with tabs between them"),
        (Audacity, "0.4\t2.06\tgo\n6.2\tsoon\t\n", 2, "`soon` is no time; expected seconds"),
        (Audacity, "2.06\t0.4\tgo\n", 1, "before it begins at 2.06 s; swap them"),
        (Audacity, "0.4\tNaN\tgo\n", 1, "`NaN` is no time"),
        (Audacity, "-1\t2\tgo\n", 1, "`-1` is no time"),
        (Rttm, "SPEAKER a 1 0.4 1.66 <NA> <NA> u <NA> <NA>\nSPEAKER a 1 6", 2, "expected ten fields"),
        (Rttm, "SPEAKER a 1 0 1 <NA> <NA> u\nSPEAKER b 1 0 1 <NA> <NA> u", 2, "of another recording, `b`"),
        (Rttm, "SPEAKER a 1 0 x <NA> <NA> u", 1, "`x` is no time"),
        (WebVtt, "WEBVTT\n\n00:00.400 --> 00:02.1\nx\n\n2\n00:06.2", 6, "expected a cue"),
        (WebVtt, "WEBVTT\n\n00:00.400 --> 00:0", 3, "before it begins at 0.4 s"),
        (WebVtt, "WEBVTT\n\n0.4 --> 2.0\n", 3, "`0.4` is no time; expected one such as 00:01:23.456"),
        (TextGrid, "\"ooTextFile\"\n\"Sound\"", 2, "expected \"TextGrid\", found \"Sound\""),
        (
            TextGrid,
            "\"ooTextFile\"\n\"TextGrid\"\n0\n8\n<exists>\n1\n\"IntervalTier\"\n\"a\"\n0\n8\n2\n0\n4\n\"\"\n4\n",
            16,
            "ends where a number",
        ),
        (
            TextGrid,
            "\"ooTextFile\"\n\"TextGrid\"\n0\n8\n<exists>\n1\n\"IntervalTier\"\n\"a\"\n0\n8\n1\n0\n4\n\"cut",
            14,
            "a text in quotes",
        ),
        (Table, "start_ms,end_ms,label\n400,2060,speech\n6200,78", 3, "expected start and end in milliseconds"),
    ] {
        let fault = format.read(text).unwrap_err();
        assert!(fault.line == line && fault.what.contains(what), "{text:?}: {fault:?}");
    }
}

#[test]
fn texts_of_two_bytes_a_letter_are_read() {
    let units = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    assert_eq!(decoded(&units("\u{feff}né", u16::to_le_bytes)).unwrap(), "né");
    assert_eq!(decoded(&units("\u{feff}né", u16::to_be_bytes)).unwrap(), "né");
    assert_eq!(decoded("\u{feff}né".as_bytes()).unwrap(), "né");
    assert_eq!(decoded(&[0xff, 0xfe, 0x00, 0xd8]), None);
    assert_eq!(decoded(&[0x80]), None);
}

/// Who, else what.
fn name(label: &Label) -> String {
    if label.text.is_empty() { label.speaker.clone() } else { label.text.clone() }
}

const WRITTEN: [(LabelFormat, &str); 6] = [
    (
        LabelFormat::Audacity,
        "0.400000\t2.060000\tGo \"on\"\n\\\t100.0\t900.0\n3.0\t3.0\ta point\n6.200000\t7.850000\tagent\n",
    ),
    (
        LabelFormat::Rttm,
        ";; by hand\nSPKR-INFO call 1 <NA> <NA> <NA> unknown agent <NA> <NA>\nSPEAKER call 1 0.400 1.660 <NA> <NA> user <NA> <NA>\nSPEAKER call 1 6.2 1.65 <NA> <NA> agent <NA> <NA>\n",
    ),
    (
        LabelFormat::WebVtt,
        "WEBVTT - a call\n\nNOTE\nby hand\n\n1\n00:00.400 --> 00:00:02.060 align:start\n<v The user>Go\n<b>\"on\"</b></v>\n\n00:00:06.200 --> 00:00:07.850\nagent\n",
    ),
    (
        LabelFormat::TextGrid,
        "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0 \nxmax = 8.2 \ntiers? <exists> \nsize = 2 \nitem []: \n    item [1]:\n        class = \"IntervalTier\" \n        name = \"user\" \n        xmin = 0 \n        xmax = 8.2 \n        intervals: size = 2 \n        intervals [1]:\n            xmin = 0 \n            xmax = 0.4 \n            text = \"\" \n        intervals [2]:\n            xmin = 0.4 \n            xmax = 2.06 \n            text = \"Go \"\"on\"\"\" ! 9\n    item [2]:\n        class = \"IntervalTier\" \n        name = \"far\" \n        xmin = 0 \n        xmax = 8.2 \n        intervals: size = 1 \n        intervals [1]:\n            xmin = 6.2 \n            xmax = 7.85 \n            text = \"agent\" \n",
    ),
    (
        LabelFormat::TextGrid,
        "File type = \"ooTextFile\"\n\"TextGrid\"\n\n0\n8.2\n<exists>\n2\n\"TextTier\"\n\"points\"\n0\n8.2\n1\n3.0\n\"tick\"\n\"IntervalTier\"\n\"user\"\n0\n8.2\n4\n0\n0.4\n\"\"\n0.4\n2.06\n\"Go \"\"on\"\"\"\n2.06\n6.2\n\"\"\n6.2\n7.85\n\"agent\"\n",
    ),
    (LabelFormat::Table, "start_ms,end_ms,label,text\n400,2060,Go \"on\",\"yes, on\"\n6200,7850,agent,\n"),
];
