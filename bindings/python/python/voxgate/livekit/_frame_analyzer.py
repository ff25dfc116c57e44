"""The microphone's frames, analysed before anyone of the session hears them."""

from __future__ import annotations

from livekit import rtc

from ._analysis import Analysis, pcm_of
from ._vad import VAD


class FrameAnalyzer(rtc.FrameProcessor[rtc.AudioFrame]):
    """Has each frame of a room's microphone analysed as it comes from the track, and changes nothing.

    >>> analyzer = FrameAnalyzer(vad)  # doctest: +SKIP
    >>> options = room_io.AudioInputOptions(noise_cancellation=analyzer)  # doctest: +SKIP
    >>> await session.start(agent, room=room, room_options=room_io.RoomOptions(audio_input=options))  # doctest: +SKIP

    `decisions_of(frame)` then tells what was decided wherever the frame goes, as in an `stt_node`. The VAD and a
    `GatedSTT` read the same and analyse nothing themselves. Audio from LiveKit's pre-connect buffer is resampled behind
    it: the VAD of such a session has a gate of its own. It belongs to one microphone.
    """

    def __init__(self, vad: VAD) -> None:
        self._vad = vad
        self._analysis: Analysis | None = None
        self._enabled = True

    @property
    def enabled(self) -> bool:
        """Whether frames are analysed here; else the VAD does it."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = value
        if not value:
            self._close()

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        analysis = self._analysis
        if analysis is None or not analysis.fits(frame):
            self._close()
            self._analysis = analysis = Analysis(self._vad, frame.sample_rate, frame.num_channels)
            analysis.is_ahead = True
        analysis.hear(analysis.begin(frame), pcm_of(frame))
        return frame

    def _close(self) -> None:
        if self._analysis is not None:
            self._analysis.is_ahead = False  # the VAD goes on with it
        self._analysis = None
