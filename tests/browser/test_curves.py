"""The Curves page in a browser."""

from tests.browser.conftest import SCREENS

QUERY = "curves?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1&curve_fms=vit_tiny_patch16_224,squeezenet1_1"
PLOTS = "[...document.querySelectorAll('.imprint-plot[data-drawn]')]"


def opened(visit, more=""):
    page = visit.page
    page.goto(visit.address + QUERY + more)
    page.wait_for_function(f"{PLOTS}.length === 2", timeout=60_000)
    visit.settle()
    return page


@SCREENS
def test_panels_and_their_legend_fit_and_nothing_leaves_the_machine(visit):
    page = opened(visit, "&curve_recipes=own,qi,oracle,own gen=kmedoids,qi norm_post=none&over=n")
    visit.pictures_fit_in_both()
    entries = page.locator("[role=list][aria-label=Legend] [role=listitem]")
    assert entries.count() == 7
    assert entries.first.inner_text().strip() == "current: k-means, k = 5"
    # Every entry has its symbol: HTML that is inserted as text may lose its images.
    assert entries.locator("img").evaluate_all("images => images.map((image) => image.naturalWidth)") == [36] * 7
    assert visit.errors_of_ours() == []
    assert visit.outside == []


def test_another_measure_is_drawn_in_the_same_plots_and_curves_fill_in(visit):
    page = opened(visit)
    page.evaluate(f"{PLOTS}.forEach((plot) => {{ plot.same = true }})")
    title = f"{PLOTS}.map((plot) => plot.layout.yaxis.title.text).join()"
    assert page.evaluate(title) == "Accuracy (%),Accuracy (%)"
    page.get_by_role("radio", name="Macro-F1").click()
    page.wait_for_function(f"{title} === 'Macro-F1 (%),Macro-F1 (%)'", timeout=20_000)
    assert page.evaluate(f"{PLOTS}.every((plot) => plot.same)")
    page.get_by_role("radio", name="NC1").click()
    page.wait_for_function(f"{title} === 'NC1,NC1'", timeout=20_000)
    page.wait_for_function(
        f"{PLOTS}.every((plot) => plot.data.find((t) => t.name === 'after NORM pre L2')?.x.length === 8)",
        timeout=60_000,
    )
    assert "measure=nc1" in visit.search()
    assert not visit.errors_of_ours()
