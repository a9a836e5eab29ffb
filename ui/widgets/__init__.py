"""Interactive building blocks that several pages share: galleries, sample tiles, job progress, FM choice.

Charts are in `ui.charts`, sidebar controls in `ui.controls`.
"""
