from benchmarks.streamlit_client import Server, run_visits, visit


def test_a_visitor_sees_what_a_browser_shows(server: Server):
    async def explore():
        async with visit(server.url) as visitor:
            page = await visitor.run("k=999&data=mnist")
            first, warnings = dict(page.metrics), list(page.warnings)
            page = await visitor.run(widgets={"k": 1})
            return first, warnings, page.metrics, visitor.query, page.exceptions + page.errors

    first, warnings, second, query, errors = run_visits(explore())
    assert warnings == ["k = 999 is out of range \\(1–50\\). Using 50."]
    assert first["Accuracy"].endswith(" %")
    assert second["Accuracy"] != first["Accuracy"]
    assert query == "data=mnist&k=1"
    assert not errors


def test_progressive_figures_are_completed(server: Server):
    async def collapse():
        async with visit(server.url) as visitor:
            await visitor.run("data=digits&n=20", page="collapse")
            page = await visitor.settle(60)
            return visitor.runs, page.of_kind("progress"), list(page.texts())

    runs, progress, texts = run_visits(collapse())
    assert runs > 1
    assert not progress
    assert any("merged" in text for text in texts)


def test_a_file_is_uploaded(server: Server):
    async def upload():
        async with visit(server.url) as visitor:
            await visitor.run(page="own_data")
            page = await visitor.upload("own_zip", "notes.zip", b"no zip")
            return [text.default for text in page.of_kind("text_input")], page.exceptions

    names, exceptions = run_visits(upload())
    # The name that the page suggests for the dataset.
    assert names == ["notes"]
    assert not exceptions
