/*
 * voxgate: what goes on from a microphone to paid speech-to-text.
 *
 * Audio comes in through an intake, which makes frames of 10 ms at 16 kHz. A gate decides on each frame. A forwarder says
 * what the connection to speech-to-text should receive, a ledger which frames were sent.
 *
 * Status. Every function that can fail returns a voxgate_status; voxgate_last_error() says more about the last failure of
 * the calling thread. A call that fails has taken nothing and changed nothing. No panic crosses this border: the handle
 * answers VOXGATE_STATUS_PANICKED from then on.
 *
 * Pointers. A pointer that a function takes is NULL or points to so many values as it says, which live during the call. A
 * NULL where something is needed is refused. Handles come from the _create function and go to the _destroy function once;
 * nothing may use them afterwards. No function keeps a pointer that it was given.
 *
 * Threads. A handle may move between threads, and is used by one at a time: a call while another is under way answers
 * VOXGATE_STATUS_BUSY and waits for nothing. Different handles are independent.
 *
 * Real time. voxgate_gate_push, _playback, _background, _playback_clear, _reset and voxgate_intake_push_* do not allocate, block or call
 * the system, except to write down the text of an error.
 */

#ifndef VOXGATE_H
#define VOXGATE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Handles: see the create function of each.
typedef struct voxgate_forwarder voxgate_forwarder;
typedef struct voxgate_gate voxgate_gate;
typedef struct voxgate_intake voxgate_intake;
typedef struct voxgate_ledger voxgate_ledger;

// The version of this interface. It changes when a program that was compiled with an older header has to be compiled
// again.
#define VOXGATE_ABI_VERSION 1

// Samples in a frame: 10 ms at 16 kHz.
#define VOXGATE_FRAME_LEN 160

// What a call answers. Everything but `VOXGATE_STATUS_OK` is an error: nothing has changed, and `voxgate_last_error`
// says more.
typedef enum voxgate_status {
  // Done.
  VOXGATE_STATUS_OK = 0,
  // A pointer is null that must not be.
  VOXGATE_STATUS_NULL = 1,
  // Settings, or a text that is not UTF-8.
  VOXGATE_STATUS_CONFIG = 2,
  // Audio of another format, or a value out of range.
  VOXGATE_STATUS_INPUT = 3,
  // The caller's buffer is too small: ask for the room that is needed, and call again.
  VOXGATE_STATUS_BUFFER_TOO_SMALL = 4,
  // Another thread is using the handle at this moment.
  VOXGATE_STATUS_BUSY = 5,
  // There was a panic in this handle before, or in this call: destroy it and make a new one. The audio that was passed
  // is still the caller's, and may go to speech-to-text as it is.
  VOXGATE_STATUS_PANICKED = 6,
  // The audio was not sent, is forgotten, or is still to come.
  VOXGATE_STATUS_NOT_THERE = 7,
  // There is nothing to work on yet, as no frame was pushed.
  VOXGATE_STATUS_TOO_EARLY = 8,
} voxgate_status;

// What to do with the connection, in order.
typedef enum voxgate_input {
  // Send `count` samples at `samples`, 16 kHz mono.
  VOXGATE_INPUT_AUDIO = 0,
  // Send `count` zeros.
  VOXGATE_INPUT_ZEROS = 1,
  // The segment is over: ask for the final transcript.
  VOXGATE_INPUT_FINALIZE = 2,
  // Send the provider's keep-alive message.
  VOXGATE_INPUT_KEEP_ALIVE = 3,
  // Open a new connection: speech follows.
  VOXGATE_INPUT_OPEN = 4,
  // Close the idle connection, which is billed.
  VOXGATE_INPUT_CLOSE = 5,
} voxgate_input;

// What began or ended with a frame.
typedef enum voxgate_edge {
  // Nothing.
  VOXGATE_EDGE_NONE = 0,
  // Speech is confirmed: it began at `speech_start`.
  VOXGATE_EDGE_SPEECH_START = 1,
  // The turn is over: the speech was from `speech_start` to `speech_end`.
  VOXGATE_EDGE_SPEECH_END = 2,
  // The score rose and fell again before speech was confirmed: nothing was sent.
  VOXGATE_EDGE_ABANDONED = 3,
} voxgate_edge;

// What to do with a frame.
typedef enum voxgate_verdict {
  // Send `forward_start` to `forward_end` now. It ends with the frame, and reaches back over the pre-roll when the gate
  // has just opened. No sample is handed out twice.
  VOXGATE_VERDICT_FORWARD = 0,
  // Keep it: it may go out with a later frame.
  VOXGATE_VERDICT_HOLD = 1,
  // Not sent; it can still become pre-roll.
  VOXGATE_VERDICT_SUPPRESS = 2,
} voxgate_verdict;

// Why a frame is held or suppressed.
typedef enum voxgate_reason {
  // It is forwarded.
  VOXGATE_REASON_NONE = 0,
  // No speech.
  VOXGATE_REASON_SILENCE = 1,
  // Speech may be starting: it is too short to tell yet.
  VOXGATE_REASON_UNDECIDED = 2,
  // A transient, such as a knock or a click.
  VOXGATE_REASON_BURST = 3,
  // Recent misfires (false alarms) have raised the bar.
  VOXGATE_REASON_STORM = 4,
  // The circuit breaker is open after too many misfires in a row.
  VOXGATE_REASON_BREAKER = 5,
  // The agent's echo is heard, or it may be.
  VOXGATE_REASON_ECHO = 6,
  // Of a later version of voxgate.
  VOXGATE_REASON_OTHER = 7,
} voxgate_reason;

// The state of the user's turn.
typedef enum voxgate_turn {
  // No speech.
  VOXGATE_TURN_QUIET = 0,
  // The score rose; speech is not confirmed yet.
  VOXGATE_TURN_STARTING = 1,
  // Speech is confirmed.
  VOXGATE_TURN_SPEAKING = 2,
  // The score fell; the end is not confirmed yet.
  VOXGATE_TURN_STOPPING = 3,
} voxgate_turn;

// How sure the delay of the echo is.
typedef enum voxgate_delay_quality {
  // No playback can be heard: the echo's other fields mean nothing.
  VOXGATE_DELAY_QUALITY_NO_ECHO = 0,
  // Unknown.
  VOXGATE_DELAY_QUALITY_NONE = 1,
  // A likely delay is followed; it may still change.
  VOXGATE_DELAY_QUALITY_COARSE = 2,
  // Confirmed.
  VOXGATE_DELAY_QUALITY_LOCKED = 3,
} voxgate_delay_quality;

// How playback was taken.
typedef enum voxgate_arrival {
  // Its echo will be searched in the microphone.
  VOXGATE_ARRIVAL_ACCEPTED = 0,
  // It was played more than 500 ms ago, and is dropped.
  VOXGATE_ARRIVAL_LATE = 1,
  // It plays more than 200 ms from now: not taken, give it again later.
  VOXGATE_ARRIVAL_FULL = 2,
  // Echo detection is off in the settings.
  VOXGATE_ARRIVAL_OFF = 3,
} voxgate_arrival;

// How a result of speech-to-text was counted.
typedef enum voxgate_ruling {
  // Words of the user.
  VOXGATE_RULING_GENUINE = 0,
  // A misfire (false alarm): no words of the user.
  VOXGATE_RULING_MISFIRE = 1,
  // The opening already has its result.
  VOXGATE_RULING_DUPLICATE = 2,
  // The gate did not open there.
  VOXGATE_RULING_UNMATCHED = 3,
} voxgate_ruling;

// Takes one input. `samples` is valid during the call only, and NULL unless the input is audio. It must not call the
// gate or the forwarder, and must not throw or jump out.
typedef void (*voxgate_send)(void *user, enum voxgate_input input, const float *samples, uint64_t count);

// A frame of audio: 10 ms, mono, 16 kHz.
typedef struct voxgate_frame {
  // From -1 to 1.
  float samples[VOXGATE_FRAME_LEN];
  // How many of the samples never arrived and are zeros instead, 0 to 160. Set it to 0 in frames that you fill.
  uint32_t missing;
} voxgate_frame;

// The decision on a frame, and its evidence. Instants are samples at 16 kHz since the start of the microphone's stream.
typedef struct voxgate_decision {
  // The frame's first sample.
  uint64_t frame_start;
  // One past its last.
  uint64_t frame_end;
  // What to send, if `verdict` is forward; else both are `frame_end`.
  uint64_t forward_start;
  // One past the last sample to send.
  uint64_t forward_end;
  // Audio before this instant that was not forwarded never will be.
  uint64_t settled;
  // As `edge` says; else 0.
  uint64_t speech_start;
  // As `edge` says; else 0.
  uint64_t speech_end;
  // What to do.
  enum voxgate_verdict verdict;
  // Why it is held or suppressed.
  enum voxgate_reason reason;
  // The state of the turn after the frame.
  enum voxgate_turn turn;
  // What began or ended.
  enum voxgate_edge edge;
  // The speech score, 0 to 1.
  float speech;
  // Level of the frame in dBFS.
  float level_dbfs;
  // Noise floor in dBFS.
  float floor_dbfs;
  // Probability that the user speaks, alone or over the agent, 0 to 1.
  float echo_near;
  // Probability that the agent alone is heard, 0 to 1.
  float echo_likelihood;
  // By how many dB the canceller lowered the level.
  float echo_cancelled_db;
  // By how many samples the echo is later than the playback; 0 while unknown.
  int32_t echo_delay;
  // How sure the delay is, or that there is no echo.
  enum voxgate_delay_quality echo_quality;
} voxgate_decision;

// The format of audio.
typedef struct voxgate_format {
  // Hz, 8,000 to 192,000.
  uint32_t sample_rate;
  // 1 to 8, interleaved.
  uint16_t channels;
  // The channel that is used, counted from 0.
  uint16_t channel;
} voxgate_format;

// Counts of faults in the input that were mended, in input samples of the chosen channel.
typedef struct voxgate_intake_counts {
  // Samples taken.
  uint64_t received;
  // NaN or infinite, replaced by zero.
  uint64_t not_finite;
  // Outside -1 to 1, limited to it.
  uint64_t out_of_range;
} voxgate_intake_counts;

// A frame whose fate is settled.
typedef struct voxgate_row {
  // The decision on it; `reason` is the final one.
  struct voxgate_decision decision;
  // 1 if its audio was sent, then or later as pre-roll.
  uint8_t sent;
  // The end of the frame being pushed when it was sent; 0 if it was not.
  uint64_t released;
} voxgate_row;

// Takes one row. It is valid during the call only. It must not call the ledger, and must not throw or jump out.
typedef void (*voxgate_settle)(void *user, const struct voxgate_row *row);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI version of the library that is linked. Compare it with `VOXGATE_ABI_VERSION` of the header.
uint32_t voxgate_abi_version(void);

// Makes a forwarder for a connection that is open, with the section `forward` of the settings that the gate has.
enum voxgate_status voxgate_forwarder_create(const char *preset,
                                             const char *toml,
                                             voxgate_forwarder **forwarder);

// Takes the decision that the gate has just made, and calls `send` with what the provider should receive. Call it after
// every push. The time map grows with every segment, so this allocates now and then.
enum voxgate_status voxgate_forwarder_push(voxgate_forwarder *forwarder,
                                           voxgate_gate *gate,
                                           voxgate_send send,
                                           void *user);

// Ends the stream in place of `voxgate_gate_finish`: `send` gets the zeros and messages that are left. Each of the
// places for the edge may be NULL.
enum voxgate_status voxgate_forwarder_finish(voxgate_forwarder *forwarder,
                                             voxgate_gate *gate,
                                             voxgate_send send,
                                             void *user,
                                             enum voxgate_edge *edge,
                                             uint64_t *speech_start,
                                             uint64_t *speech_end);

// The microphone's sample for a sample of what the open connection received. Padding maps to the end of the audio before
// it, later instants to the end.
enum voxgate_status voxgate_forwarder_mic(voxgate_forwarder *forwarder,
                                          uint64_t sent,
                                          uint64_t *mic);

// Where in what the open connection received a sample of the microphone lies; `VOXGATE_STATUS_NOT_THERE` if it was not
// sent.
enum voxgate_status voxgate_forwarder_sent(voxgate_forwarder *forwarder,
                                           uint64_t mic,
                                           uint64_t *sent);

// Forgets what ends at or before `sent` samples of the open connection: a transcript that is final needs it no more.
enum voxgate_status voxgate_forwarder_forget(voxgate_forwarder *forwarder,
                                             uint64_t sent);

// Frees it. Null is allowed.
void voxgate_forwarder_destroy(voxgate_forwarder *forwarder);

// Makes a gate. `preset` is "default", "low_latency", "open_office" or "telephony", `toml` the text of settings over it;
// each may be NULL.
enum voxgate_status voxgate_gate_create(const char *preset,
                                        const char *toml,
                                        voxgate_gate **gate);

// Decides on the microphone's next frame. Does not allocate, lock, block or call the system.
enum voxgate_status voxgate_gate_push(voxgate_gate *gate,
                                      const struct voxgate_frame *frame,
                                      struct voxgate_decision *decision);

// Takes a frame that the agent plays while the microphone records sample `at`: before the microphone's frame of that
// time, at most 200 ms ahead and 500 ms late. `arrival` may be NULL. Does not allocate.
enum voxgate_status voxgate_gate_playback(voxgate_gate *gate,
                                          const struct voxgate_frame *frame,
                                          uint64_t at,
                                          enum voxgate_arrival *arrival);

// Takes a frame of what is played beside the agent's voice, such as ambience or music, as voxgate_gate_playback takes the
// voice; voxgate_gate_playback_clear leaves it. Does not allocate.
enum voxgate_status voxgate_gate_background(voxgate_gate *gate,
                                            const struct voxgate_frame *frame,
                                            uint64_t at,
                                            enum voxgate_arrival *arrival);

// Withdraws the playback from sample `at` on: the agent was interrupted. Does not allocate.
enum voxgate_status voxgate_gate_playback_clear(voxgate_gate *gate, uint64_t at);

// Takes a sentence that the agent says now: a transcript that repeats it within 10 s is its echo.
enum voxgate_status voxgate_gate_agent_said(voxgate_gate *gate, const char *words);

// Takes a final result of speech-to-text: `words` as UTF-8, empty if nothing was understood; `confidence` from 0 to 1, or
// below 0 if the provider does not say; the audio it is about from sample `start` to `end` of the microphone's time, or
// both 0 for the oldest opening without a result. `ruling` may be NULL.
enum voxgate_status voxgate_gate_feedback(voxgate_gate *gate,
                                          const char *words,
                                          float confidence,
                                          uint64_t start,
                                          uint64_t end,
                                          enum voxgate_ruling *ruling);

// Copies the audio from sample `start` to `end`, mono at 16 kHz, into `samples`, which has room for `capacity`.
// `VOXGATE_STATUS_NOT_THERE` if part of it is forgotten or still to come: ask right after the decision that forwards it.
enum voxgate_status voxgate_gate_audio(voxgate_gate *gate,
                                       uint64_t start,
                                       uint64_t end,
                                       float *samples,
                                       size_t capacity);

// Ends the turn that is open, if there is one: held audio is dropped. Writes the edge; each of the three places may be
// NULL.
enum voxgate_status voxgate_gate_finish(voxgate_gate *gate,
                                        enum voxgate_edge *edge,
                                        uint64_t *speech_start,
                                        uint64_t *speech_end);

// Clears all state: the next frame is the first. Does not allocate.
enum voxgate_status voxgate_gate_reset(voxgate_gate *gate);

// Frees it. Null is allowed.
void voxgate_gate_destroy(voxgate_gate *gate);

// Makes an intake for audio of this format.
enum voxgate_status voxgate_intake_create(const struct voxgate_format *format, voxgate_intake **intake);

// How many frames `samples` more samples (of all channels together) can complete, at most: the room that a push needs.
enum voxgate_status voxgate_intake_room(voxgate_intake *intake,
                                        size_t samples,
                                        size_t *frames);

// Takes 16-bit audio, interleaved, and writes the frames that it completes; what does not fill a frame waits for the
// next call. `count` is the number of samples of all channels together, `capacity` the room in `frames`, at least
// what `voxgate_intake_room` says. Does not allocate.
enum voxgate_status voxgate_intake_push_s16(voxgate_intake *intake,
                                            const int16_t *samples,
                                            size_t count,
                                            struct voxgate_frame *frames,
                                            size_t capacity,
                                            size_t *written);

// The same for floats from -1 to 1.
enum voxgate_status voxgate_intake_push_f32(voxgate_intake *intake,
                                            const float *samples,
                                            size_t count,
                                            struct voxgate_frame *frames,
                                            size_t capacity,
                                            size_t *written);

// Ends the stream: writes the frames that are left, the last filled up with zeros that count as missing. Afterwards
// only `voxgate_intake_reset` opens the intake again. Needs the room of a push of no samples.
enum voxgate_status voxgate_intake_finish(voxgate_intake *intake,
                                          struct voxgate_frame *frames,
                                          size_t capacity,
                                          size_t *written);

// Counts of the faults that were mended so far.
enum voxgate_status voxgate_intake_report(voxgate_intake *intake, struct voxgate_intake_counts *report);

// Clears all state: the next sample is the first.
enum voxgate_status voxgate_intake_reset(voxgate_intake *intake);

// Frees it. Null is allowed.
void voxgate_intake_destroy(voxgate_intake *intake);

// Makes a ledger for one gate.
enum voxgate_status voxgate_ledger_create(voxgate_ledger **ledger);

// Says at which sample the stream ends, before its last frame comes: a frame that ends later has no row.
enum voxgate_status voxgate_ledger_end_at(voxgate_ledger *ledger, uint64_t end);

// Takes the decision that the gate has just made, and calls `settle` with the rows that it settles. Allocates now and
// then.
enum voxgate_status voxgate_ledger_push(voxgate_ledger *ledger,
                                        voxgate_gate *gate,
                                        voxgate_settle settle,
                                        void *user);

// Ends the stream: `settle` gets the rows that are left.
enum voxgate_status voxgate_ledger_finish(voxgate_ledger *ledger, voxgate_settle settle, void *user);

// Frees it. Null is allowed.
void voxgate_ledger_destroy(voxgate_ledger *ledger);

// The text of the last error in this thread, as UTF-8; empty if there was none. It is valid until the next call that
// fails in this thread.
const char *voxgate_last_error(void);

// The name of a status, as in "buffer too small".
const char *voxgate_status_text(uint32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VOXGATE_H */
