//! Opus in the path, as WebRTC uses it: 20 ms frames, one channel.

use unsafe_libopus::{
    OPUS_APPLICATION_VOIP, OPUS_OK, OPUS_SET_BITRATE_REQUEST, OpusDecoder, OpusEncoder, opus_decode_float,
    opus_decoder_create, opus_decoder_destroy, opus_encode_float, opus_encoder_create, opus_encoder_ctl,
    opus_encoder_destroy,
};

/// What is left of `audio`, 16 kHz, at so many bits a second; 6.5 ms later, which is the codec's own delay.
pub(crate) fn coded(audio: &[f32], bits_per_second: i32) -> Vec<f32> {
    let mut codec = Codec::new(bits_per_second);
    audio.chunks_exact(PACKET).flat_map(|packet| codec.pass(packet)).collect()
}

struct Codec {
    encoder: *mut OpusEncoder,
    decoder: *mut OpusDecoder,
}

impl Codec {
    fn new(bits_per_second: i32) -> Self {
        let (mut one, mut two) = (0, 0);
        // SAFETY: both are checked below, used by `pass` only and destroyed by `drop` only.
        let (encoder, decoder) = unsafe {
            (opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &mut one), opus_decoder_create(RATE, 1, &mut two))
        };
        assert_eq!((one, two), (OPUS_OK, OPUS_OK));
        // SAFETY: the encoder was made above.
        let set = unsafe { opus_encoder_ctl!(encoder, OPUS_SET_BITRATE_REQUEST, bits_per_second) };
        assert_eq!(set, OPUS_OK);
        Self { encoder, decoder }
    }

    fn pass(&mut self, packet: &[f32]) -> [f32; PACKET] {
        let (mut bytes, mut audio) = ([0_u8; 1_275], [0.0; PACKET]);
        let (frames, most) = (PACKET as i32, bytes.len() as i32);
        // SAFETY: both live until `drop`; `packet` and `audio` hold PACKET samples, `bytes` as many as `most` says.
        let decoded = unsafe {
            let length = opus_encode_float(self.encoder, packet.as_ptr(), frames, bytes.as_mut_ptr(), most);
            opus_decode_float(self.decoder, bytes.as_ptr(), length, audio.as_mut_ptr(), frames, 0)
        };
        assert_eq!(decoded, frames, "opus failed");
        audio
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: they were made by `new` and are used by nobody else.
        unsafe {
            opus_encoder_destroy(self.encoder);
            opus_decoder_destroy(self.decoder);
        }
    }
}

const RATE: i32 = 16_000;
/// 20 ms.
const PACKET: usize = 320;
