"""The way of the selection through the code stays short."""

from tests.selection_journey import journey

MOST_FILES, MOST_RETURNS = 20, 25


def test_the_selection_passes_through_few_files_and_rarely_turns_back():
    stays = journey()
    files = set(stays)
    # It reaches accuracy, map and curves.
    assert files >= {"ui.compute.results", "ui.compute.map_layers", "ui.compute.collapse", "ui.compute.task_curves"}
    assert len(files) <= MOST_FILES
    assert len(stays) - len(files) <= MOST_RETURNS
