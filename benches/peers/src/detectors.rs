//! The detectors that are built into this program.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use tract_onnx::prelude::*;
use voxgate::FRAME_LEN;
use voxgate::vad::{SileroBatch, SileroModel, SileroRate, SileroStream};

use crate::Peer;

/// All of them, ONNX Runtime first.
pub(crate) fn all(models: &Path, audio: &'static [f32]) -> Result<Vec<Peer>, Box<dyn Error>> {
    let environment = ort::init().with_telemetry(false).build()?;
    // Every second sample: what it aliases to does not matter to the clock.
    let phone: &'static [f32] = audio.iter().copied().step_by(2).collect::<Vec<_>>().leak();
    let model = SileroModel::bundled()?;
    let onnx = models.join("silero_vad.onnx");
    let (wide, narrow) = (SileroRate::Hz16000, SileroRate::Hz8000);
    let alone = |rate| {
        let mut stream = SileroStream::new(model.clone(), rate);
        move |window: &[f32]| stream.push(window, |speech| _ = black_box(speech))
    };
    Ok(vec![
        Peer::new("ONNX Runtime 1.31.1, silero_vad.onnx", audio, 512, 1, onnx_runtime(&environment, &onnx, 16_000)?),
        Peer::new("voxgate, one stream", audio, 512, 1, alone(wide)),
        Peer::new(
            "voxgate, 8 streams in a batch, each",
            audio,
            8 * 512,
            8,
            batch(SileroBatch::new(model.clone(), wide, 8)),
        ),
        Peer::new("ONNX Runtime 1.31.1 at 8 kHz", phone, 256, 1, onnx_runtime(&environment, &onnx, 8_000)?),
        Peer::new("voxgate at 8 kHz", phone, 256, 1, alone(narrow)),
        Peer::new(
            "tract 0.23.9, silero_vad_openvino_16k.onnx",
            audio,
            512,
            1,
            tract(&models.join("silero_vad_openvino_16k.onnx"))?,
        ),
        Peer::new("webrtc-vad 0.4.0 (another model), 10 ms frames", audio, 5 * 512, 5, webrtc()),
    ])
}

/// Silero in ONNX Runtime on one thread, called as Silero's own `utils_vad.py` calls it.
fn onnx_runtime(
    environment: &Environment,
    path: &Path,
    rate: i64,
) -> Result<impl FnMut(&[f32]) + 'static, Box<dyn Error>> {
    let builder = Session::builder(environment)?.with_intra_threads(1)?.with_inter_threads(1)?;
    let mut session = { builder }.commit_from_file(path)?;
    let window = rate as usize * 32 / 1_000;
    let mut input = vec![0.0_f32; window + window / 8];
    let (mut state, rate) = (vec![0.0_f32; 256], [rate]);
    Ok(move |samples: &[f32]| {
        input.copy_within(window.., 0);
        input[window / 8..].copy_from_slice(samples);
        let mut run = || -> ort::Result<()> {
            let outputs = session.run(ort::inputs![
                "input" => TensorRef::from_array_view(([1, input.len()], &input[..]))?,
                "state" => TensorRef::from_array_view(([2_usize, 1, 128], &state[..]))?,
                "sr" => TensorRef::from_array_view(([0_usize; 0], &rate[..]))?,
            ])?;
            black_box(outputs["output"].try_extract_tensor::<f32>()?.1[0]);
            state.copy_from_slice(outputs["stateN"].try_extract_tensor::<f32>()?.1);
            Ok(())
        };
        run().expect("ONNX Runtime scores");
    })
}

/// tract reads only the file without control flow.
fn tract(path: &Path) -> Result<impl FnMut(&[f32]) + 'static, Box<dyn Error>> {
    let plan = tract_onnx::onnx().model_for_path(path)?.into_optimized()?.into_runnable()?;
    let mut input = vec![0.0_f32; 64 + 512];
    let mut state = Tensor::zero::<f32>(&[2, 1, 128])?;
    Ok(move |samples: &[f32]| {
        input.copy_within(512.., 0);
        input[64..].copy_from_slice(samples);
        let window = Tensor::from_shape(&[1, 576], &input).expect("a window");
        let mut outputs = plan.run(tvec![window.into(), state.clone().into()]).expect("tract scores");
        state = outputs.remove(1).into_tensor();
        black_box(&outputs[0]);
    })
}

fn batch(mut batch: SileroBatch) -> impl FnMut(&[f32]) {
    let streams: Vec<_> = std::iter::from_fn(|| batch.join()).collect();
    move |block| {
        for (stream, window) in streams.iter().zip(block.chunks_exact(512)) {
            batch.push(*stream, window).expect("it has joined");
        }
        batch.score(|_, speech| _ = black_box(speech));
    }
}

fn webrtc() -> impl FnMut(&[f32]) {
    use webrtc_vad::{SampleRate, Vad, VadMode};
    let mut vad = Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, VadMode::Aggressive);
    move |block| {
        for samples in block.chunks_exact(FRAME_LEN) {
            let frame: [i16; FRAME_LEN] = std::array::from_fn(|i| (samples[i] * 32_767.0) as i16);
            black_box(vad.is_voice_segment(&frame).expect("10 ms"));
        }
    }
}
