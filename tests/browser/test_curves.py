"""What only a browser shows of the Curves page."""

from tests.browser.conftest import SCREENS

QUERY = "curves?fm=vit_tiny_patch16_224&data=digits&n=20&seeds=1&curve_fms=vit_tiny_patch16_224,squeezenet1_1"
DRAWN = "[...document.querySelectorAll('.imprint-plot[data-drawn]')]"


def opened(visit, more=""):
    page = visit.page
    page.goto(visit.address + QUERY + more)
    page.wait_for_function(f"{DRAWN}.length === 2", timeout=60_000)
    visit.settle()
    return page


@SCREENS
def test_panels_and_their_legend_fit_and_nothing_leaves_the_machine(visit):
    page = opened(visit, "&curve_recipes=own,qi,oracle,own gen=kmedoids,qi norm_post=none&over=n")
    visit.pictures_fit_in_both()
    signs = page.locator("[role=list][aria-label=Legend] [role=listitem]")
    assert signs.count() == 7
    assert signs.first.inner_text().strip() == "now: k-means, k = 5"
    # Each with its sign: what is put in as text may lose its pictures.
    assert signs.locator("img").evaluate_all("signs => signs.map((s) => s.naturalWidth)") == [36] * 7
    assert visit.errors_of_ours() == []
    assert visit.outside == []


def test_another_measure_is_drawn_in_place_and_curves_fill_in_by_themselves(visit):
    page = opened(visit)
    page.evaluate(f"{DRAWN}.forEach((plot) => {{ plot.same = true }})")
    title = f"{DRAWN}.map((plot) => plot.layout.yaxis.title.text).join()"
    assert page.evaluate(title) == "Accuracy (%),Accuracy (%)"
    page.get_by_role("radio", name="Macro-F1").click()
    page.wait_for_function(f"{title} === 'Macro-F1 (%),Macro-F1 (%)'", timeout=20_000)
    assert page.evaluate(f"{DRAWN}.every((plot) => plot.same)")
    page.get_by_role("radio", name="NC1").click()
    page.wait_for_function(f"{title} === 'NC1,NC1'", timeout=20_000)
    page.wait_for_function(
        f"{DRAWN}.every((plot) => plot.data.find((t) => t.name === 'after NORM pre L2')?.x.length === 8)",
        timeout=60_000,
    )
    assert "measure=nc1" in visit.search()
    assert not visit.errors_of_ours()
