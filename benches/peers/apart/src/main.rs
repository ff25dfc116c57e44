//! Peers in a program of their own: for every line that comes in, the detector scores the recording once,
//! and the microseconds of processor time per window of 512 samples go out.

use std::error::Error;
use std::hint::black_box;

use cpu_time::ThreadTime;
use voice_activity_detector::VoiceActivityDetector;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut score = detector(&args.next().ok_or("give the detector")?)?;
    let audio: Vec<f32> = hound::WavReader::open(args.next().ok_or("give the recording")?)?
        .into_samples::<i16>()
        .map(|sample| Ok(f32::from(sample?) / 32_768.0))
        .collect::<Result<_, hound::Error>>()?;
    for line in std::io::stdin().lines() {
        line?;
        let begin = ThreadTime::now();
        audio.chunks_exact(WINDOW).for_each(&mut score);
        println!("{}", begin.elapsed().as_secs_f64() * 1e6 / (audio.len() / WINDOW) as f64);
    }
    Ok(())
}

type Score = Box<dyn FnMut(&[f32])>;

fn detector(name: &str) -> Result<Score, Box<dyn Error>> {
    Ok(match name {
        "earshot" => {
            let mut detector = earshot::Detector::default_boxed();
            Box::new(move |window| {
                window.chunks_exact(256).for_each(|frame| _ = black_box(detector.predict_f32(frame)));
            })
        }
        "voice_activity_detector" => {
            let mut vad = VoiceActivityDetector::builder().sample_rate(16_000).chunk_size(WINDOW).build()?;
            Box::new(move |window| _ = black_box(vad.predict(window.iter().copied())))
        }
        _ => return Err("there are earshot and voice_activity_detector".into()),
    })
}

const WINDOW: usize = 512;
