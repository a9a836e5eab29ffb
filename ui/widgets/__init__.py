"""Interactive building blocks that several pages share: galleries, tiles, job and map progress, FM choice.

Charts are in `ui.charts`, sidebar controls in `ui.controls`.
"""
