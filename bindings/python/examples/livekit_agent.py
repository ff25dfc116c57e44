"""A whole voice agent on LiveKit Agents with voxgate: the room is claimed, speech-to-text gets the user's speech only,
the agent does not hear itself, and results without words make it listen harder.

    pip install "voxgate[livekit]"
    LIVEKIT_URL=… LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=… VOXGATE_STORE=redis://localhost python livekit_agent.py dev
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    ConversationItemAddedEvent,
    JobContext,
    UserInputTranscribedEvent,
    cli,
    inference,
)
from voxgate.guard import DispatchGuard, Lease, MemoryStore, RedisStore
from voxgate.livekit import VAD, EchoReference, GatedSTT

logger = logging.getLogger("agent")
server = AgentServer()


def models() -> dict[str, Any]:
    """Speech-to-text, language model and text-to-speech."""
    return {"stt": inference.STT("deepgram/nova-3"), "llm": "openai/gpt-4.1-mini", "tts": "cartesia/sonic-3"}


def dispatch_guard() -> DispatchGuard:
    """Lets one job serve a room; in Redis all workers share it."""
    url = os.environ.get("VOXGATE_STORE")
    store = RedisStore(url) if url else MemoryStore()
    return DispatchGuard(store, worker=f"{socket.gethostname()}:{os.getpid()}", build="1", agent="receptionist")


@server.rtc_session(agent_name="receptionist")
async def entrypoint(ctx: JobContext) -> None:
    guard = dispatch_guard()
    presence = await guard.present("ready")
    claim = await guard.claim(ctx.room.name, session=ctx.job.room.sid or None)
    if not isinstance(claim, Lease):
        logger.warning("%s", claim)  # who has the room and until when
        return ctx.shutdown(reason=claim.kind)

    async def give_back() -> None:
        await claim.release()
        await presence.set("draining")

    ctx.add_shutdown_callback(give_back)
    await ctx.connect()

    vad, chosen = VAD.load(), models()
    stt = GatedSTT(chosen.pop("stt"), vad)
    session: AgentSession[None] = AgentSession(vad=vad, stt=stt, aec_warmup_duration=None, **chosen)

    def on_transcript(event: UserInputTranscribedEvent) -> None:
        if event.is_final:
            vad.feedback(event.transcript)

    def on_item(event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "role", None) == "assistant":
            vad.agent_said(getattr(event.item, "text_content", None) or "")

    session.on("user_input_transcribed", on_transcript)
    session.on("conversation_item_added", on_item)
    await session.start(Agent(instructions="You are a receptionist. Be brief."), room=ctx.room)
    if session.output.audio is not None:
        session.output.audio = EchoReference(session.output.audio, vad)
    await session.say("Welcome back to the card table. It is your turn to play.")


if __name__ == "__main__":
    cli.run_app(server)
