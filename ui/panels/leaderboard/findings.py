"""The paper's findings, checked on the selected tasks."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imprint_core.sweeps.paper_findings import Finding
from ui.charts.record import heading, record_table

_VERDICTS = {None: "not enough runs", True: "holds here", False: "does not hold here"}
_ICONS = {None: ":material/help:", True: ":material/check_circle:", False: ":material/cancel:"}


def show_findings(findings: Sequence[Finding]) -> None:
    """Draw each finding with its verdict and evidence."""
    heading("Paper findings: do they hold here?", "findings")
    for finding in findings:
        verdict = f"{_ICONS[finding.holds]} **{_VERDICTS[finding.holds]}**"
        st.markdown(f"{verdict} · {finding.claim} ({finding.source})  \n{finding.evidence}")
    record_table(
        "findings",
        ("finding", "here", "evidence"),
        [(f"{f.claim} ({f.source})", _VERDICTS[f.holds], f.evidence.replace("**", "")) for f in findings],
    )
    st.caption(
        "Checked on the tasks above, independent of the selected recipes, on medians over seeds. FMs, datasets and "
        "n-shots differ from the paper's: a finding that does not hold here may still hold there."
    )
