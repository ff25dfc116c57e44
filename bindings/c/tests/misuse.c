/* Wrong use: every call answers a status, and nothing crashes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voxgate.h"

#define EXPECT(status, call)                                                                                            \
    do {                                                                                                               \
        enum voxgate_status got = (call);                                                                              \
        if (got != (status)) {                                                                                         \
            fprintf(stderr, "line %d: %s is \"%s\": %s\n", __LINE__, #call, voxgate_status_text(got),                   \
                    voxgate_last_error());                                                                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)
#define REMEDY(words)                                                                                                   \
    do {                                                                                                               \
        if (strstr(voxgate_last_error(), words) == NULL) {                                                             \
            fprintf(stderr, "line %d: \"%s\" lacks \"%s\"\n", __LINE__, voxgate_last_error(), words);                   \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void ignore_input(void *user, voxgate_input input, const float *samples, uint64_t count)
{
    (void)user, (void)input, (void)samples, (void)count;
}

static void ignore_row(void *user, const voxgate_row *row)
{
    (void)user, (void)row;
}

static void intakes(void)
{
    voxgate_format format = {48000, 2, 0}, slow = {100, 1, 0}, other = {16000, 2, 5};
    voxgate_intake *intake = NULL;
    voxgate_intake_counts counts;
    voxgate_frame frames[8];
    int16_t samples[1920] = {0};
    float wrong[4] = {NAN, INFINITY, 7.0f, 0.0f};
    size_t written = 9, room = 0;

    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_create(NULL, &intake));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_create(&format, NULL));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_intake_create(&slow, &intake));
    REMEDY("expected 8000 to 192000 Hz");
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_intake_create(&other, &intake));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_create(&format, &intake));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_room(intake, 1920, &room));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_room(intake, 1920, NULL));
    EXPECT(VOXGATE_STATUS_BUFFER_TOO_SMALL, voxgate_intake_push_s16(intake, samples, 1920, frames, 1, &written));
    REMEDY("voxgate_intake_room");
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_push_s16(intake, NULL, 1920, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_push_s16(intake, samples, 1920, NULL, 8, &written));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_push_s16(intake, samples, 1920, frames, 8, NULL));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_intake_push_s16(NULL, samples, 1920, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_intake_push_s16(intake, samples, 3, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_intake_push_f32(intake, (const float *)((const char *)wrong + 1), 2, frames, 8, &written));
    REMEDY("aligned");
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_intake_push_f32(intake, wrong, SIZE_MAX, frames, SIZE_MAX / 4, &written));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_push_s16(intake, NULL, 0, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_push_f32(intake, wrong, 4, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_report(intake, &counts));
    if (counts.received != 2 || counts.not_finite + counts.out_of_range != 2) {
        fprintf(stderr, "nothing was taken by a call that failed: %d received\n", (int)counts.received);
        exit(1);
    }
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_finish(intake, frames, 8, &written));
    EXPECT(VOXGATE_STATUS_OK, voxgate_intake_reset(intake));
    voxgate_intake_destroy(intake);
    voxgate_intake_destroy(NULL);
}

static void gates(void)
{
    voxgate_gate *gate = NULL;
    voxgate_forwarder *forwarder = NULL;
    voxgate_ledger *ledger = NULL;
    voxgate_frame frame = {{0}, 0};
    voxgate_decision decision;
    voxgate_ruling ruling;
    voxgate_arrival arrival;
    float audio[160];
    uint64_t at = 0;

    EXPECT(VOXGATE_STATUS_CONFIG, voxgate_gate_create("loud", NULL, &gate));
    REMEDY("low_latency");
    EXPECT(VOXGATE_STATUS_CONFIG, voxgate_gate_create(NULL, "turn.hangover = 3", &gate));
    EXPECT(VOXGATE_STATUS_CONFIG, voxgate_gate_create(NULL, "[turn]\nhangover_durations = \"200ms\"", &gate));
    REMEDY("did you mean `turn.hangover_duration`");
    EXPECT(VOXGATE_STATUS_CONFIG, voxgate_gate_create(NULL, "\xff\xfe", &gate));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_create(NULL, NULL, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_create("telephony", "turn.hangover_duration = \"200ms\"", &gate));
    EXPECT(VOXGATE_STATUS_OK, voxgate_forwarder_create(NULL, "forward.policy = \"silence\"", &forwarder));
    EXPECT(VOXGATE_STATUS_OK, voxgate_ledger_create(&ledger));

    EXPECT(VOXGATE_STATUS_TOO_EARLY, voxgate_forwarder_push(forwarder, gate, ignore_input, NULL));
    EXPECT(VOXGATE_STATUS_TOO_EARLY, voxgate_ledger_push(ledger, gate, ignore_row, NULL));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_push(NULL, &frame, &decision));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_push(gate, NULL, &decision));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_push(gate, &frame, NULL));
    frame.samples[7] = NAN;
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_gate_push(gate, &frame, &decision));
    REMEDY("sample 7");
    frame.samples[7] = 0;
    frame.missing = 4000000000u;
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_push(gate, &frame, &decision));
    if (decision.frame_start != 0 || decision.frame_end != 160 || decision.verdict != VOXGATE_VERDICT_SUPPRESS) {
        fprintf(stderr, "a call that failed has counted as a frame\n");
        exit(1);
    }
    EXPECT(VOXGATE_STATUS_NULL, voxgate_forwarder_push(forwarder, gate, NULL, NULL));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_forwarder_push(NULL, gate, ignore_input, NULL));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_forwarder_push(forwarder, NULL, ignore_input, NULL));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_ledger_push(ledger, gate, NULL, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_forwarder_push(forwarder, gate, ignore_input, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_ledger_push(ledger, gate, ignore_row, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_playback(gate, &frame, UINT64_MAX, &arrival));
    if (arrival != VOXGATE_ARRIVAL_FULL) {
        fprintf(stderr, "playback at the end of time was taken\n");
        exit(1);
    }
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_background(gate, NULL, 0, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_background(gate, &frame, UINT64_MAX, &arrival));
    if (arrival != VOXGATE_ARRIVAL_FULL) {
        fprintf(stderr, "background audio at the end of time was taken\n");
        exit(1);
    }
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_playback_clear(gate, UINT64_MAX));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_agent_said(gate, NULL));
    EXPECT(VOXGATE_STATUS_CONFIG, voxgate_gate_agent_said(gate, "\xff"));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_gate_feedback(gate, "yes", 2.0f, 0, 0, &ruling));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_gate_feedback(gate, "yes", NAN, 0, 0, &ruling));
    EXPECT(VOXGATE_STATUS_INPUT, voxgate_gate_feedback(gate, "yes", -1, 9, 3, &ruling));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_feedback(gate, "yes", -1, 0, 0, &ruling));
    EXPECT(VOXGATE_STATUS_NOT_THERE, voxgate_gate_audio(gate, 0, 320, audio, 160));
    EXPECT(VOXGATE_STATUS_BUFFER_TOO_SMALL, voxgate_gate_audio(gate, 0, 160, audio, 159));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_gate_audio(gate, 0, 160, NULL, 160));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_audio(gate, 0, 160, audio, 160));
    EXPECT(VOXGATE_STATUS_NOT_THERE, voxgate_forwarder_sent(forwarder, 999999, &at));
    EXPECT(VOXGATE_STATUS_NULL, voxgate_forwarder_mic(forwarder, 0, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_forwarder_mic(forwarder, UINT64_MAX, &at));
    EXPECT(VOXGATE_STATUS_OK, voxgate_forwarder_forget(forwarder, UINT64_MAX));
    EXPECT(VOXGATE_STATUS_OK, voxgate_forwarder_finish(forwarder, gate, ignore_input, NULL, NULL, NULL, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_ledger_finish(ledger, ignore_row, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_finish(gate, NULL, NULL, NULL));
    EXPECT(VOXGATE_STATUS_OK, voxgate_gate_reset(gate));
    EXPECT(VOXGATE_STATUS_TOO_EARLY, voxgate_forwarder_push(forwarder, gate, ignore_input, NULL));
    voxgate_ledger_destroy(ledger);
    voxgate_forwarder_destroy(forwarder);
    voxgate_gate_destroy(gate);
    voxgate_gate_destroy(NULL);
    voxgate_forwarder_destroy(NULL);
    voxgate_ledger_destroy(NULL);
}

int main(void)
{
    if (strcmp(voxgate_last_error(), "") != 0 || strcmp(voxgate_status_text(99), "unknown status") != 0) {
        return 1;
    }
    intakes();
    gates();
    puts("every misuse has its status");
    return 0;
}
