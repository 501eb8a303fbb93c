"""Write docs/metrics.md from the operator's metrics. Run it with the project's Python after a change of them.

``--check`` only tells whether the file is what it should be.
"""

import argparse
import sys
from pathlib import Path

from mm_operator.metrics import REGISTRY
from prometheus_client import Metric

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
HEAD = """\
# Metrics

The operator serves them at `/metrics` on port 8080; `operator.serviceMonitor.enabled` has Prometheus read them. The
alerts of `monitoring.rules.enabled` ([runbooks](runbooks/README.md)) and the dashboard of `monitoring.grafana.enabled`
stand on them. Beside them are the client library's own of the process (`process_cpu_seconds_total` and the like). They
live as long as the process: counters begin at 0 at its start, and what the archive holds is shown from the first dbt
run on.

<!-- written by charts/metrics_docs.py -->
"""


def metrics() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return (name as Prometheus has it, type, labels, help) of every metric, by name."""
    found = {}
    for collector in list(REGISTRY._collector_to_names):
        labels = tuple(getattr(collector, "_labelnames", ()))
        families: list[Metric] = list(getattr(collector, "describe", collector.collect)())
        for family in families or collector.collect():
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            found[family.name + suffix] = (family.type, labels, family.documentation)
    # Those of the process come from the client library, where the platform has them.
    return [(name, *found[name]) for name in sorted(found) if not name.startswith("process_")]


def page() -> str:
    """Return docs/metrics.md."""
    rows = ["| metric | type | labels | what it says |", "| --- | --- | --- | --- |"]
    for name, kind, labels, about in metrics():
        rows.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {about} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    """Write the page, or tell with ``--check`` whether it differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page is out of date")
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    if parser.parse_args().check:
        print(f"{PAGE.name}: out of date")
        return 1
    PAGE.write_text(page())
    print(f"{PAGE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
