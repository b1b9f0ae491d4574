"""Writes Grafana's dashboards under deploy/grafana/dashboards, from the tables in tools/panels.py.

python -m tools.dashboards              writes the files
python -m tools.dashboards --check      fails where one is stale
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from tools.panels import DASHBOARDS, Dashboard, Panel

TARGET: Final = Path(__file__).parent.parent / "deploy" / "grafana" / "dashboards"
_SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
_WIDTH: Final = 24  # columns of Grafana's grid
_PANEL_HEIGHT: Final = 8
_ROW_HEIGHT: Final = 1


def render(dashboard: Dashboard) -> str:
    """The file that Grafana loads."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in dashboard.rows:
        panels.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": _place(0, top, _WIDTH, 1),
            }
        )
        width = _WIDTH // len(row)
        for index, panel in enumerate(row):
            place = _place(index * width, top + _ROW_HEIGHT, width, _PANEL_HEIGHT)
            panels.append(_graph(panel, place))
        top += _ROW_HEIGHT + _PANEL_HEIGHT
    document = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["caseladder"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": []},
        "annotations": {"list": [_alerts()]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _graph(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.alarm is not None:
        steps.append({"color": "red", "value": panel.alarm})
    style = {"mode": "line" if panel.alarm is not None else "off"}
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": style, "fillOpacity": 10, "showPoints": "never"},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": _SOURCE,
        "expr": 'ALERTS{alertstate="firing"}',
        "titleFormat": "{{alertname}} {{service}}",
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def main(arguments: list[str]) -> int:
    """Write or check the files; the process's exit code."""
    files = {TARGET / f"{dashboard.uid}.json": render(dashboard) for dashboard in DASHBOARDS}
    if "--check" not in arguments:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path} is stale: run python -m tools.dashboards")  # noqa: T201
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
