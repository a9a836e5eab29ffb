import time

from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.hostile_links import MOST_MEMORY, REST, follow_links
from benchmarks.streamlit_client import Server, run_visits, serve, visit


def test_hostile_links_and_forged_values_do_no_harm():
    # `python -m benchmarks.hostile_links` follows a thousand.
    with serve() as server:
        outcome = run_visits(follow_links(server, range(5000, 5030), visitors=4, settle=0.1))
        assert outcome.faults == []
        assert outcome.links == 30
        # The limit is that of an idle server.
        deadline = time.monotonic() + REST
        while server.memory() >= MOST_MEMORY and time.monotonic() < deadline:
            time.sleep(0.2)
        assert server.memory() < MOST_MEMORY
        assert server.outside_connections() == []


def test_a_value_of_a_wrong_type_is_one_sentence(server: Server):
    async def forge():
        async with visit(server.url) as visitor:
            page = await visitor.run("data=digits")
            _, widget = page.widgets()["agg"]
            page = await visitor.run(states=(WidgetState(id=widget.id, double_value=0.5),))
        async with visit(server.url) as reloaded:
            return page.errors, page.exceptions, dict((await reloaded.run("data=digits")).metrics)

    errors, exceptions, metrics = run_visits(forge())
    assert errors == ["The page sent a value that a control cannot have. Reload the page."]
    assert exceptions == []
    assert metrics["Accuracy"].endswith(" %")


def test_a_value_that_equals_an_option_of_another_type_is_that_option(server: Server):
    async def forge():
        async with visit(server.url) as visitor:
            page = await visitor.run("data=digits", page="map")
            _, widget = page.widgets()["map_seed"]
            page = await visitor.run(states=(WidgetState(id=widget.id, bool_value=True),))
            return page.exceptions

    assert run_visits(forge()) == []


def test_thousands_of_recipes_are_cut_and_reported(server: Server):
    async def curves():
        async with visit(server.url) as visitor:
            recipes = ",".join(f"own k={k}" for k in range(1, 3001))
            page = await visitor.run(f"data=digits&n=5&seeds=1&curve_recipes={recipes}", page="curves")
            return page.warnings, page.exceptions, visitor.query

    warnings, exceptions, query = run_visits(curves())
    assert len(warnings) == 1
    assert "3,000 values are too many. Using the first 20." in warnings[0]
    assert exceptions == []
    assert query.count("own") == 20 - query.count("qi")
