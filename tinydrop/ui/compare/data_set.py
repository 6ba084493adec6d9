"""The data-set half of the Compare page: the bundled table, or a sentence on why it is not there.

Read once, when the page is first shown; nothing here runs a model.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tinydrop.core.assets import asset
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.models.pairs import Pair
from tinydrop.studies.comparison import CompareTable, compare_path, read_compare
from tinydrop.ui.compare.charts import AXES, cost_panels
from tinydrop.ui.compare.tables import compare_foot, compare_missing, compare_table


class DataSetPanel:
    """One pair's table of methods, and what the page shows of it."""

    def __init__(self, pair: Pair, folder: Path | None = None) -> None:
        """Take the pair and where its table lies; nothing is read before it is asked for."""
        self._pair = pair
        self._folder = folder or asset("tables")

    @cached_property
    def table(self) -> CompareTable | str:
        """The pair's table, or why there is none."""
        path = compare_path(self._folder, self._pair.name)
        if not path.is_file():
            return f"There is no table {path.name}."
        try:
            table = read_compare(path)
        except TinyDropError as error:
            return str(error).replace(str(self._folder), "assets/tables")
        if table.provenance.pair_digest != self._pair.digest:
            return f"The table {path.name} belongs to other weights than this pair’s."
        return table if table.rows else f"The table {path.name} is empty."

    def shown(self) -> dict[str, str]:
        """Return every part of the data-set half."""
        table = self.table
        if isinstance(table, str):
            return {"chart": compare_missing(table), "table": "", "foot": ""}
        return {
            "chart": self.chart("macs", guided=True),
            "table": compare_table(table),
            "foot": compare_foot(table),
        }

    def chart(self, axis: str, *, guided: bool, differing: bool = False) -> str:
        """Return the panels on another axis.

        Raises:
            SettingError: if there is no such axis.
        """
        table = self.table
        if isinstance(table, str):
            return compare_missing(table)
        if axis not in AXES:
            raise SettingError(f"Cost is counted in {' or '.join(AXES)}, got {axis[:40]!r}.")
        return cost_panels(table, axis, guided=guided, differing=differing)
