"""Images of samples as browsers request them."""

from __future__ import annotations

import asyncio
import io
import json
from urllib.request import urlopen

import numpy as np
from PIL import Image

from benchmarks.streamlit_client import run_visits, visit
from imprint_core.embeddings.images import images_of


def test_only_the_page_of_a_visitor_has_the_address_until_the_visitor_leaves(server, vit_digits):
    """The image of a sample, for two visitors, one of whom leaves."""
    code = int(vit_digits.id_test[0])

    async def address(visitor):
        page = await visitor.run("fm=vit_tiny_patch16_224&data=digits&n=1&seeds=1")
        data = [json.loads(element.mixed.json or element.json) for element in page.of_kind("bidi_component")]
        return next(d["images"] for d in data if d.get("name") == "map")

    async def answer(address):
        def request():
            with urlopen(f"{server.url}/{address}{code}") as response:  # noqa: S310
                return response.status, response.read(), dict(response.headers)

        return await asyncio.to_thread(request)

    async def play():
        async with visit(server.url) as stays:
            async with visit(server.url) as leaves:
                addresses = [await address(stays), await address(leaves)]
                assert len({*addresses}) == 2
                for each in addresses:
                    status, data, headers = await answer(each)
                    assert (status, headers["content-type"]) == (200, "image/png")
                    assert headers["cache-control"].startswith("private")
                    expected = images_of(vit_digits).test.by_id(code)
                    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(expected))
                assert (await answer("sample-images/0/"))[:2] == (204, b"")
            while (await answer(addresses[1]))[0] != 204:
                await asyncio.sleep(0.05)
            assert (await answer(addresses[0]))[0] == 200

    # Other tests, which forge values, share the server.
    before = len(server.log())
    run_visits(asyncio.wait_for(play(), 60))
    assert "Traceback" not in server.log()[before:]
