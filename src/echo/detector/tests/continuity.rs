//! The kept state of playback and microphone belongs to the frames it is labelled with.

use super::*;
use crate::echo::path::{DelayChange, Delivery};

#[test]
fn after_frames_that_were_left_out_every_partition_has_its_own_playback() {
    for left_out in [1, 5, 13, 60] {
        let (delay, mut stream, mut canceller) = (1_600, Stream::new(1_600), Canceller::new());
        for _ in 0..200 {
            let (frame, mic) = stream.next();
            stream.cancel(&mut canceller, frame, &mic, delay);
        }
        (0..left_out).for_each(|_| _ = stream.next());
        for n in 0..20 {
            let (frame, mic) = stream.next();
            let left = power(&stream.cancel(&mut canceller, frame, &mic, delay)) / power(mic.samples());
            assert!(left < 0.02, "{left_out} left out: {left} of the echo is left in frame {n} after them");
        }
    }
}

#[test]
fn playback_that_comes_late_takes_the_place_of_the_silence() {
    let (delay, mut stream, mut canceller) = (1_600, Stream::new(1_600), Canceller::new());
    for n in 0..240 {
        if n == 200 {
            stream.hold_back();
        }
        if n == 225 {
            stream.deliver();
        }
        let (frame, mic) = stream.next();
        let left = power(&stream.cancel(&mut canceller, frame, &mic, delay)) / power(mic.samples());
        // The echo of the held back frame is heard 100 ms after the frame should have come, and 10 frames before that.
        assert!(n < 190 || (210..225).contains(&n) || left < 0.02, "{left} of the echo is left in frame {n}");
    }
}

#[test]
fn nothing_is_learnt_while_playback_may_yet_come() {
    let (mut stream, mut watch) = (Stream::new(1_600), PathWatch::default());
    let mut seen = |stream: &mut Stream| {
        let (frame, _) = stream.next();
        watch.observe(frame, Capture::Whole, Some(1_600), &stream.reference)
    };
    (0..100).for_each(|_| assert_eq!(seen(&mut stream).playback, Delivery::Complete));
    stream.hold_back();
    // It is played in 100 ms and heard in 200; the first partition reads it 20 ms before.
    (0..18).for_each(|n| assert!(seen(&mut stream).may_adapt(), "{n}"));
    (0..5).for_each(|n| assert!(!seen(&mut stream).may_adapt(), "{n}"));
    stream.deliver();
    assert!(seen(&mut stream).may_adapt());
}

#[test]
fn a_pause_of_the_agent_is_no_playback_that_comes_late() {
    let (mut reference, mut noise) = (Reference::new(), Noise(1));
    let mut give = |reference: &mut Reference, frame: u64| {
        reference.write(Source::Voice, &noise.frame(), SampleIndex(frame * FRAME_LEN as u64));
    };
    (0..40).for_each(|frame| {
        give(&mut reference, frame);
        reference.advance();
    });
    (0..60).for_each(|_| reference.advance());
    give(&mut reference, 100);
    let pending: Vec<u64> = (0..=100).filter(|frame| reference.may_yet_come(*frame)).collect();
    assert_eq!(pending, (40..55).collect::<Vec<_>>(), "for 150 ms it may");
}

#[test]
fn a_torn_frame_is_neither_learnt_from_nor_subtracted_from() {
    let (delay, mut stream, mut canceller) = (1_600, Stream::new(1_600), Canceller::new());
    for n in 0..400 {
        let (frame, mic) = stream.next();
        // Half of a frame in three is lost.
        let mut torn = *mic.samples();
        torn[80..].fill(0.0);
        let mic = if n % 3 == 0 { Frame::filled(torn, 80) } else { mic };
        let residual = stream.cancel(&mut canceller, frame, &mic, delay);
        match n % 3 {
            0 => assert_eq!(residual, torn),
            _ => assert!(n < 200 || power(&residual) < 0.02 * power(mic.samples()), "frame {n}"),
        }
    }
}

#[test]
fn a_path_that_changes_is_told_once() {
    let (reference, mut watch) = (Reference::new(), PathWatch::default());
    let mut delay = |frame, delay| watch.observe(frame, Capture::Whole, delay, &reference).delay;
    assert_eq!(delay(0, None), DelayChange::Unknown);
    assert_eq!([delay(1, Some(1_600)), delay(2, Some(1_600))], [DelayChange::New, DelayChange::Kept]);
    let drift = [delay(3, Some(1_800)), delay(4, Some(2_000)), delay(5, Some(2_200))];
    assert_eq!(drift, [DelayChange::Kept; 3], "two clocks");
    assert_eq!([delay(6, Some(4_000)), delay(7, Some(4_000))], [DelayChange::New, DelayChange::Kept]);
    assert_eq!([delay(8, None), delay(9, None)], [DelayChange::Lost, DelayChange::Unknown]);
    assert_eq!(delay(10, Some(4_000)), DelayChange::New);
    assert_eq!(watch.frames_since_lock(), Some(0));
    assert_eq!(watch.observe(15, Capture::Torn, None, &reference).skipped, 4);
}

#[test]
fn taking_back_all_of_a_long_call_touches_what_is_kept() {
    let (mut reference, mut noise) = (Reference::new(), Noise(1));
    let frame = noise.frame();
    // An hour.
    for n in 0..360_000 {
        if n > 359_000 {
            reference.write(Source::Voice, &frame, SampleIndex(n * FRAME_LEN as u64));
        }
        reference.advance();
    }
    let taken = reference.clear(SampleIndex(0));
    assert!(taken.len() <= 32_768 && taken.len() > 16_000, "{taken:?}");
    assert_eq!((reference.end(), reference.sounding_until()), (0, Some(0)));
    let mut out = [1.0; FRAME_LEN];
    for start in (357_000..360_000).map(|n| n * FRAME_LEN as i64) {
        reference.read(start, &mut out);
        assert_eq!(out, [0.0; FRAME_LEN]);
    }
}
