"""What a browser would send from a component, for apps that are tested without one."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest


def components(app: AppTest) -> dict[str, tuple[str, dict[str, Any]]]:
    """The identity and what was sent of every component on the page that has a name, by this name."""
    sent = [(e.proto.id, json.loads(e.proto.json)) for e in app.get("bidi_component")]
    return {data["name"]: (identity, data) for identity, data in sent if "name" in data}


def send(app: AppTest, name: str, value: object, event: str = "clicked") -> AppTest:
    """Run the app as if the browser had sent this from a component."""
    state = WidgetState(id=_make_trigger_id(components(app)[name][0], "events"))
    state.json_trigger_value = json.dumps([{"event": event, "value": value}])
    states = app._tree.get_widget_states()
    states.widgets.append(state)
    return app._run(states)


def decoded(uri: str) -> Image.Image:
    """The image in a data address."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def numbers(coded: Any) -> NDArray[Any]:
    """An array in a figure's JSON, as Plotly writes it."""
    if not isinstance(coded, dict):
        return np.array(coded)
    flat = np.frombuffer(base64.b64decode(coded["bdata"]), dtype=coded["dtype"])
    return flat.reshape([int(n) for n in coded["shape"].split(",")]) if "shape" in coded else flat
