//! The intake: any rate, channels, format, chunks and timestamps.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use voxgate::{AudioFormat, Chunk, Intake, Samples};

#[derive(Arbitrary, Debug)]
struct Made {
    sample_rate: u32,
    is_usual: bool,
    channels: u16,
    channel: u16,
}

#[derive(Arbitrary, Debug)]
enum Step {
    S16(Vec<i16>, Option<u64>),
    /// The second is how many bits count.
    Int(Vec<i32>, u16),
    F32(Vec<f32>, Option<u64>),
    Constant(u16, f32),
    /// The samples say that they have another format.
    Other(u32, u16),
    Finish,
    Reset,
}

pub(crate) fn chunks(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let Ok(Made { sample_rate, is_usual, channels, channel }) = bytes.arbitrary() else { return };
    let usual = [8_000, 16_000, 22_050, 44_100, 48_000, 192_000];
    let sample_rate = if is_usual { usual[sample_rate as usize % usual.len()] } else { sample_rate };
    let format = AudioFormat::new(sample_rate, if is_usual { channels % 8 + 1 } else { channels });
    let Ok(mut intake) = Intake::of_channel(format, if is_usual { channel % format.channels } else { channel }) else {
        return;
    };
    let (mut given, mut frames) = (0_u64, 0_u64);
    while !bytes.is_empty() {
        let Ok(step) = bytes.arbitrary() else { break };
        let counted = |frame: &voxgate::Frame| {
            assert!(frame.samples().iter().all(|sample| (-1.0..=1.0).contains(sample)));
            assert!(frame.missing() <= frame.samples().len());
        };
        let mut push = |samples: Samples<'_>, length: usize, format, at: Option<u64>| {
            // A hole of ten minutes, which is filled, takes a second in a release build: here they are shorter, or refused.
            let at = at.map(|at| if at >> 63 == 0 { at % 4_000_000_000 } else { at });
            let chunk = Chunk { samples, format, at: at.map(Duration::from_nanos) };
            let mut made = 0_u64;
            let accepted = intake.push(chunk, |frame| {
                counted(frame);
                made += 1;
            });
            given += if accepted.is_ok() { length as u64 / u64::from(format.channels.max(1)) } else { 0 };
            frames += made;
        };
        match step {
            Step::S16(samples, at) => push(Samples::I16(&samples), samples.len(), format, at),
            Step::Int(samples, bits) => push(Samples::Int { samples: &samples, bits }, samples.len(), format, None),
            Step::F32(samples, at) => push(Samples::F32(&samples), samples.len(), format, at),
            Step::Constant(length, sample) => {
                let samples = vec![sample; usize::from(length)];
                push(Samples::F32(&samples), samples.len(), format, None);
            }
            Step::Other(rate, channels) => push(Samples::I16(&[1; 64]), 64, AudioFormat::new(rate, channels), None),
            Step::Finish => intake.finish(counted),
            Step::Reset => intake.reset(),
        }
        if frames > 2_000 || given > 1_000_000 {
            return;
        }
    }
    intake.finish(|_| {});
}
