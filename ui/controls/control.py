"""A row of the sidebar's table of controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imprint_core.embeddings import SetInfo

Values = dict[str, Any]
Sets = Mapping[tuple[str, str], SetInfo]

STEPS = (
    *range(1, 11),
    *range(12, 21, 2),
    *range(25, 51, 5),
    *range(60, 101, 10),
    *range(120, 201, 20),
    *range(250, 501, 50),
    *range(600, 1001, 100),
    2000,
    5000,
)


@dataclass(frozen=True)
class Control:
    """A row of the table.

    Attributes
    ----------
    key : str
        Its name in the URL and the session.
    group : str
        Heading that it stands under.
    label : str
        What a person reads.
    help : str or callable
        What it explains, in Markdown; where the sets at hand and the earlier controls' values matter, made of them.
    options : callable
        Maps the sets at hand and the earlier controls' values to the valid values.
    default : any
        Taken where valid, else the nearest.
    accepts : callable or None
        Where a person may write what is not among the options: maps the text, the sets at hand and the earlier
        controls' values to the valid value that it means, or raises an `ImprintError` that says why it means none.
    joins : str
        Where a text that begins with one of these goes on with the value before: Streamlit's box leaves out what it
        held, when that is extended.
    show : callable
        A value's label.
    kind : {"select", "segments", "slider", "toggle", "text", "many"}
        "many" takes any number of the options, in a list.
    hidden : callable
        Whether the control means nothing under all values, and is not shown.
    off : callable
        Why it has no effect under all values, and is shown disabled; empty where it has.
    remark : callable
        What its own value means beside the others, where that may surprise; else empty.
    about : tuple of str
        Keys of earlier controls; when one of these gets another value, this one's means nothing any more.
    empty : str
        Of "many": what it shows where none is chosen.
    page : str
        The page that draws it, where it thinks fit; empty for the sidebar, on every page.
    """

    key: str
    group: str
    label: str
    help: str | Callable[[Sets, Values], str]
    options: Callable[[Sets, Values], Sequence[Any]]
    default: Any
    show: Callable[[Any], str] = str
    kind: str = "select"
    accepts: Callable[[str, Sets, Values], Any] | None = None
    joins: str = ""
    hidden: Callable[[Values], bool] = lambda values: False
    off: Callable[[Values], str] = lambda values: ""
    remark: Callable[[Values], str] = lambda values: ""
    about: tuple[str, ...] = ()
    empty: str = ""
    page: str = ""


def label_in(table: Mapping[str, Any]) -> Callable[[str], str]:
    """Show an entry of a table by its label."""
    return lambda name: str(table[name].label)


def described(table: Mapping[str, Any], lead: str) -> str:
    """Help that tells every entry of a table."""
    return lead + "\n\n" + "\n".join(f"- **{e.label}**: {e.help}" for e in table.values())


def as_number(value: Any) -> float:
    """The number that a value is or writes; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def named_option(control: Control, text: str, options: Sequence[Any]) -> Any:
    """The option that `text` names, by its label, its own name in any case, or its value; else the text."""
    wanted = text.strip().replace("_", " ").casefold()
    for option in options:
        same_number = not isinstance(option, str) and as_number(text) == option
        if same_number or wanted in (control.show(option).casefold(), str(option).replace("_", " ").casefold()):
            return option
    return text
