/*
 * Gates a WAV file and prints a row for every 10 ms, as `voxgate gate MIC.wav --frames -` does:
 *
 *     cc example.c $(pkg-config --cflags --libs voxgate) -o example
 *     ./example MIC.wav [PLAYBACK.wav]
 *
 * Files have 16 bits; one with two channels holds the microphone and the playback. The audio that speech-to-text should receive is counted, not sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voxgate.h"

/* 20 ms of eight channels at 192 kHz. */
#define MOST_SAMPLES (8 * 192000 / 50)

/* A WAV file that is being read in chunks of 20 ms, and the frames that its intake made of them. */
typedef struct {
    FILE *file;
    uint32_t sample_rate;
    uint16_t channels;
    uint32_t samples_left; /* of all channels together */
    voxgate_intake *intake;
    voxgate_frame frames[64];
    size_t have, next;
} stream;

static int open_stream(stream *in, const char *path, uint16_t channel);
static const voxgate_frame *next_frame(stream *in);
static void close_stream(stream *in);
static void print_row(void *user, const voxgate_row *row);
static void count_input(void *user, voxgate_input input, const float *samples, uint64_t count);
static int failed(const char *what);

int main(int argc, char **argv)
{
    stream mic, playback;
    voxgate_gate *gate = NULL;
    voxgate_forwarder *forwarder = NULL;
    voxgate_ledger *ledger = NULL;
    const voxgate_frame *frame;
    voxgate_decision decision;
    uint64_t sent = 0, now = 0, length;
    int with_playback;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s MIC.wav [PLAYBACK.wav]\n", argv[0]);
        return 2;
    }
    if (voxgate_abi_version() != VOXGATE_ABI_VERSION) {
        fprintf(stderr, "voxgate.h and the library are of different versions; compile again\n");
        return 1;
    }
    if (open_stream(&mic, argv[1], 0)) {
        return failed("cannot read");
    }
    with_playback = argc > 2 || mic.channels == 2;
    if (with_playback && open_stream(&playback, argv[argc - 1], argc > 2 ? 0 : 1)) {
        return failed("cannot read");
    }
    length = (uint64_t)(mic.samples_left / mic.channels) * 16000 / mic.sample_rate;
    if (voxgate_gate_create(NULL, NULL, &gate) || voxgate_forwarder_create(NULL, NULL, &forwarder) ||
        voxgate_ledger_create(&ledger)) {
        return failed("cannot make a gate");
    }
    voxgate_ledger_end_at(ledger, length);
    puts("t_ms,speech,echo,delay_ms,state,verdict,reason,forwarded,released_ms");
    while ((frame = next_frame(&mic)) != NULL) {
        if (with_playback) {
            const voxgate_frame *played = next_frame(&playback);
            if (played != NULL && voxgate_gate_playback(gate, played, now, NULL)) {
                return failed("playback");
            }
        }
        if (voxgate_gate_push(gate, frame, &decision) || voxgate_forwarder_push(forwarder, gate, count_input, &sent) ||
            voxgate_ledger_push(ledger, gate, print_row, NULL)) {
            return failed("push");
        }
        now = decision.frame_end;
    }
    if (voxgate_forwarder_finish(forwarder, gate, count_input, &sent, NULL, NULL, NULL) ||
        voxgate_ledger_finish(ledger, print_row, NULL)) {
        return failed("finish");
    }
    fprintf(stderr, "%.2f of %.2f s would be sent\n", (double)sent / 16000, (double)now / 16000);
    voxgate_ledger_destroy(ledger);
    voxgate_forwarder_destroy(forwarder);
    voxgate_gate_destroy(gate);
    close_stream(&mic);
    if (with_playback) {
        close_stream(&playback);
    }
    return 0;
}

static void count_input(void *user, voxgate_input input, const float *samples, uint64_t count)
{
    (void)samples; /* here a program sends them */
    if (input == VOXGATE_INPUT_AUDIO) {
        *(uint64_t *)user += count;
    }
}

static void print_row(void *user, const voxgate_row *row)
{
    static const char *const turns[] = {"quiet", "starting", "speaking", "stopping"};
    static const char *const verdicts[] = {"forward", "hold", "suppress"};
    static const char *const reasons[] = {"", "silence", "undecided", "burst", "storm", "breaker", "echo", "other"};
    const voxgate_decision *decision = &row->decision;

    (void)user;
    printf("%llu,%.5f,%.5f,", (unsigned long long)(decision->frame_start / 16), decision->speech,
           decision->echo_likelihood);
    if (decision->echo_quality == VOXGATE_DELAY_QUALITY_LOCKED) {
        printf("%.1f", decision->echo_delay / 16.0);
    }
    printf(",%s,%s,%s,%d,", turns[decision->turn], verdicts[decision->verdict], reasons[decision->reason], row->sent);
    if (row->sent) {
        printf("%llu", (unsigned long long)(row->released / 16));
    }
    printf("\n");
}

static uint32_t little_endian(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

static int open_stream(stream *in, const char *path, uint16_t channel)
{
    unsigned char head[12], chunk[8], format[16];
    voxgate_format audio;

    memset(in, 0, sizeof *in);
    in->file = fopen(path, "rb");
    if (in->file == NULL || fread(head, 1, 12, in->file) != 12 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4)) {
        fprintf(stderr, "%s is not a WAV file\n", path);
        return 1;
    }
    while (fread(chunk, 1, 8, in->file) == 8) {
        uint32_t size = little_endian(chunk + 4, 4);
        if (memcmp(chunk, "data", 4) == 0) {
            in->samples_left = size / 2;
            audio.sample_rate = in->sample_rate;
            audio.channels = in->channels;
            audio.channel = channel;
            return voxgate_intake_create(&audio, &in->intake) != VOXGATE_STATUS_OK;
        }
        if (memcmp(chunk, "fmt ", 4) == 0 && size >= 16) {
            if (fread(format, 1, 16, in->file) != 16 || little_endian(format, 2) != 1 ||
                little_endian(format + 14, 2) != 16) {
                break;
            }
            in->channels = (uint16_t)little_endian(format + 2, 2);
            in->sample_rate = little_endian(format + 4, 4);
            size -= 16;
        }
        if (fseek(in->file, (long)(size + size % 2), SEEK_CUR)) {
            break;
        }
    }
    fprintf(stderr, "%s has no audio of 16 bits\n", path);
    return 1;
}

/* The next frame; NULL at the end. */
static const voxgate_frame *next_frame(stream *in)
{
    const size_t room = sizeof in->frames / sizeof in->frames[0];
    unsigned char bytes[2 * MOST_SAMPLES];
    int16_t samples[MOST_SAMPLES];

    while (in->next == in->have && in->intake != NULL) {
        size_t wanted = in->sample_rate / 50 * in->channels, count, i;
        in->next = in->have = 0;
        if (wanted > in->samples_left) {
            wanted = in->samples_left;
        }
        count = fread(bytes, 2, wanted, in->file);
        in->samples_left = count == wanted ? in->samples_left - (uint32_t)count : 0;
        for (i = 0; i < count; i++) {
            samples[i] = (int16_t)little_endian(bytes + 2 * i, 2);
        }
        if (count > 0 ? voxgate_intake_push_s16(in->intake, samples, count, in->frames, room, &in->have)
                      : voxgate_intake_finish(in->intake, in->frames, room, &in->have)) {
            failed("intake");
            exit(1);
        }
        if (count == 0) {
            voxgate_intake_destroy(in->intake);
            in->intake = NULL;
        }
    }
    return in->next < in->have ? &in->frames[in->next++] : NULL;
}

static void close_stream(stream *in)
{
    voxgate_intake_destroy(in->intake);
    fclose(in->file);
}

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, voxgate_last_error());
    return 1;
}
