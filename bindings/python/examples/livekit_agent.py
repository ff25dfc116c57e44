"""A whole voice agent on LiveKit Agents with voxgate: the room is claimed, speech-to-text gets the user's speech only,
the agent does not hear itself, and results without words make it listen harder.

    pip install "voxgate[livekit]"
    LIVEKIT_URL=… LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=… VOXGATE_STORE=redis://localhost python livekit_agent.py dev
"""

from __future__ import annotations

import logging
import os
from typing import Any

from livekit.agents import Agent, AgentServer, JobContext, cli, inference
from voxgate.guard import RedisStore
from voxgate.livekit import GuardedCall, guard

logger = logging.getLogger("agent")
server = AgentServer()


def models() -> dict[str, Any]:
    """Speech-to-text, language model and text-to-speech."""
    return {"stt": inference.STT("deepgram/nova-3"), "llm": "openai/gpt-4.1-mini", "tts": "cartesia/sonic-3"}


def store() -> RedisStore | None:
    """Where claims are kept: in Redis all workers share them, else those of this process."""
    url = os.environ.get("VOXGATE_STORE")
    return RedisStore(url) if url else None


@server.rtc_session(agent_name="receptionist")
async def entrypoint(ctx: JobContext) -> None:
    call = await guard(ctx, store=store(), agent="receptionist", **models())
    if not isinstance(call, GuardedCall):
        return  # another job has the room, and this one is shut down

    async def tell() -> None:
        logger.info("%s", call.stats())  # what was heard and sent, and what the guards refused

    ctx.add_shutdown_callback(tell)
    await call.start(Agent(instructions="You are a receptionist. Be brief."))
    await call.session.say("Welcome back to the card table. It is your turn to play.")


if __name__ == "__main__":
    cli.run_app(server)
