"""A whole voice bot on Pipecat with voxgate: speech-to-text gets the user's speech only, the bot does not hear itself,
and transcripts without words make it listen harder.

    pip install "voxgate[pipecat]" "pipecat-ai[cartesia,deepgram,local,openai]"
    DEEPGRAM_API_KEY=… OPENAI_API_KEY=… CARTESIA_API_KEY=… CARTESIA_VOICE=… python pipecat_bot.py
"""

from __future__ import annotations

import asyncio
import os

from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import BaseTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner
from voxgate.pipecat import guard


def bot(transport: BaseTransport, stt: FrameProcessor, llm: FrameProcessor, tts: FrameProcessor) -> Pipeline:
    listening = guard(stt)
    context = LLMContext(messages=[{"role": "system", "content": "You are a receptionist. Be brief."}])
    aggregators = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()]),
        ),
    )
    return Pipeline(
        [
            transport.input(),
            *listening.processors,
            aggregators.user(),
            llm,
            tts,
            transport.output(),
            listening.reference,
            aggregators.assistant(),
        ]
    )


async def run(pipeline: Pipeline, greeting: str) -> None:
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frame(TTSSpeakFrame(greeting))
    await runner.run()


def main() -> None:
    from pipecat.services.cartesia.tts import CartesiaTTSService
    from pipecat.services.deepgram.stt import DeepgramSTTService
    from pipecat.services.openai.llm import OpenAILLMService
    from pipecat.transports.local.audio import LocalAudioTransport, LocalAudioTransportParams

    pipeline = bot(
        LocalAudioTransport(LocalAudioTransportParams(audio_in_enabled=True, audio_out_enabled=True)),
        DeepgramSTTService(api_key=os.environ["DEEPGRAM_API_KEY"]),
        OpenAILLMService(api_key=os.environ["OPENAI_API_KEY"]),
        CartesiaTTSService(
            api_key=os.environ["CARTESIA_API_KEY"],
            settings=CartesiaTTSService.Settings(voice=os.environ["CARTESIA_VOICE"]),
        ),
    )
    asyncio.run(run(pipeline, "Welcome back to the card table. It is your turn to play."))


if __name__ == "__main__":
    main()
