"""Runs that a newer one of their session replaces end while they wait for their turn."""

import asyncio
import time

from benchmarks.streamlit_client import run_visits, serve, visit

SCRIPT = """
import time
import streamlit as st
from ui.server import turns
from ui.server.turns import long_computation

turns._PATIENCE = 60.0
n = st.select_slider("n", range(11), key="n")
st.write(f"run {n}")
if n == 1:
    with long_computation():
        st.write("busy")
        while time.monotonic() < st.session_state.setdefault("end", time.monotonic() + 40):
            time.sleep(0.01)
            st.session_state.get("replaced")
if n == 2:
    with long_computation():
        st.write("its turn")
st.metric("n", n)
"""


def test_a_waiting_run_ends_when_it_is_replaced(tmp_path):
    script = tmp_path / "turns.py"
    script.write_text(SCRIPT, encoding="utf-8")

    async def visits(url):
        async with visit(url) as busy, visit(url) as other:
            await busy.run()
            await other.run()
            running = asyncio.create_task(busy.run(widgets={"n": 1}))
            while "busy" not in " ".join(busy.page.texts()):
                await asyncio.sleep(0.02)
            waiting = asyncio.create_task(other.run(widgets={"n": 2}))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            start = time.monotonic()
            await other.request(widgets={"n": 3})
            page = await waiting
            assert page.metrics == {"n": "3"}
            assert not running.done()
            running.cancel()
            return time.monotonic() - start

    with serve(str(script)) as server:
        assert run_visits(visits(server.url)) < 30


def test_a_flood_of_requests_ends_with_the_last_one(server):
    """Streamlit drops runs that a newer request replaces; nobody else's run is affected."""

    async def visits():
        async with visit(server.url) as flooding, visit(server.url) as other:
            await flooding.run("data=digits&seeds=1&n=5")
            await other.run("data=digits&seeds=1&n=5")
            for i in range(300):
                await flooding.request(widgets={"k": 2 + i % 2})
            await flooding.request(page="library")
            calm = await other.run(widgets={"k": 3})
            assert "&k=3" in other.query
            assert calm.exceptions == calm.errors == []
            while "Accuracy" in flooding.page.metrics:
                await flooding.wait()
            assert flooding.page.exceptions == flooding.page.errors == []
            return calm.metrics

    # `tests/server/test_request_rate.py` tests the log's sentence: a busy machine reads more slowly than the limit.
    assert run_visits(visits())["Accuracy"].endswith(" %")
