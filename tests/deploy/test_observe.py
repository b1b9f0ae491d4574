"""Alert rules, dashboards and the configuration around them: that they load, and speak of what exists."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from chassis.metrics import CounterName, GaugeName, HistogramName, Metrics
from schemas.catalogue import EVENTS
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, OWN, ROOT, compose, placeholders
from tools.dashboards import TARGET, render
from tools.deploy_secrets import demanded
from tools.panels import DASHBOARDS

ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
SERVICES = compose(placeholders(demanded(COMPOSE_FILE)))["services"]
KNOWN = {*get_args(CounterName), *get_args(HistogramName), *get_args(GaugeName)}
QUERIES = [str(rule["expr"]) for rule in RULES] + [
    query for page in DASHBOARDS for _, row in page.rows for panel in row for query, _ in panel.queries
]
_METRIC = re.compile(r"\bcaseladder_(\w+)")
_EVENT = re.compile(r'type="([^"]+)"')


def test_something_is_asked_of_each_part_of_the_system() -> None:
    assert len(RULES) >= 10
    assert len(QUERIES) > len(RULES)


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_and_event_in_a_query_exists(query: str) -> None:
    for name in _METRIC.findall(query):
        base = re.sub(r"_(total|bucket|sum|count)$", "", name)
        assert base in KNOWN, name
        assert name.endswith("_total") is (base in get_args(CounterName)), name
        assert name.endswith("_bucket") is (base in get_args(HistogramName)), name
    for name in re.findall(r"\bprocess_\w+", query):
        assert f"\n{name} " in Metrics().text().decode(), name
    for kind in _EVENT.findall(query):
        assert kind in EVENTS, kind


@pytest.mark.parametrize("query", QUERIES)
def test_every_label_in_a_query_is_one_that_the_metric_has(query: str) -> None:
    """The service's label comes from the scrape, `le` from a histogram, the rest from the metric."""
    metrics = Metrics()
    metrics.count("events_emitted", 1, "x")
    metrics.count("commands", 1, "x")
    metrics.count("http_responses", 1, "x")
    metrics.observe("stage_seconds", 1, "x")
    families = text_string_to_metric_families(metrics.text().decode())
    labels = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    for name, selector in re.findall(r"\b(caseladder_\w+)\{([^}]*)\}", query):
        wanted = set(re.findall(r"(\w+)\s*=~?\"", selector)) - {"service"}
        assert wanted <= labels.get(name, set()), name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_who_comes_and_where_it_is_explained(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page, _, heading = rule["annotations"]["runbook"].partition("#")
    assert heading == rule["alert"].lower()
    assert f"### {rule['alert']}\n" in (ROOT / page).read_text(encoding="utf-8")


def test_the_guide_explains_no_alert_that_does_not_exist() -> None:
    text = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda page: page.uid)
def test_the_committed_dashboards_are_what_the_generator_makes_now(dashboard: Any) -> None:
    text = (TARGET / f"{dashboard.uid}.json").read_text(encoding="utf-8")
    assert text == render(dashboard), "run make dashboards"
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_the_dashboards_show_what_was_asked_for() -> None:
    rows = {title for page in DASHBOARDS for title, _ in page.rows}
    titles = {panel.title for page in DASHBOARDS for _, row in page.rows for panel in row}
    assert {"Case flow", "Deadlines at risk", "Parked cases", "Latency of each stage"} <= rows
    assert {"Consumer lag", "Oldest unpublished event"} <= titles


def test_grafana_finds_its_sources_and_dashboards() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "datasources.yml").read_text())["datasources"]
    assert {source["uid"]: source["url"] for source in sources} == {
        "prometheus": "http://prometheus:9090",
        "jaeger": "http://jaeger:16686",
    }
    providers = yaml.safe_load((provisioning / "dashboards" / "dashboards.yml").read_text())["providers"]
    mounts = SERVICES["grafana"]["volumes"]
    assert f"./grafana/dashboards:{providers[0]['options']['path']}:ro" in mounts
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (TARGET / Path(home).name).exists()


def test_prometheus_asks_each_service_at_its_port() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    targets = {
        job["job_name"]: [target for given in job["static_configs"] for target in given["targets"]]
        for job in config["scrape_configs"]
    }
    ports = [f"{name}:{SERVICES[name]['environment']['CASELADDER_PORT']}" for name in OWN]
    assert targets["caseladder"] == ports


def test_the_collector_listens_where_services_send_and_sends_where_jaeger_listens() -> None:
    config = yaml.safe_load((DEPLOY / "collector" / "config.yaml").read_text())
    pipeline = config["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert f"http://collector:{port}\n" in (DEPLOY / "observe.env").read_text()
    assert config["exporters"]["otlp_grpc"]["endpoint"] == "jaeger:4317"


def test_the_collector_itself_accepts_its_configuration() -> None:
    program = os.environ.get("OTELCOL") or shutil.which("otelcol-contrib") or shutil.which("otelcol")
    if program is None:
        pytest.skip("no OpenTelemetry collector here (its own program: OTELCOL=path)")
    file = DEPLOY / "collector" / "config.yaml"
    done = subprocess.run(
        [program, "validate", f"--config={file}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _promtool(directory: Path, *words: str) -> str:
    """What promtool says; fails where it finds a fault, and where REQUIRE_PROMTOOL=1 and there is none."""
    promtool = shutil.which("promtool")
    if promtool is None:
        reason = "promtool is not here (Debian: prometheus)"
        if os.environ.get("REQUIRE_PROMTOOL") == "1":
            pytest.fail(f"REQUIRE_PROMTOOL=1, but {reason}", pytrace=False)
        pytest.skip(reason)
    done = subprocess.run([promtool, *words], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_loads_the_files_and_the_alerts_do_what_their_tests_say(words: tuple[str, ...]) -> None:
    assert "SUCCESS" in _promtool(DEPLOY / "prometheus", *words)


def test_prometheus_understands_every_query_of_the_dashboards(tmp_path: Path) -> None:
    """As rules, for promtool reads rules; Grafana puts the interval in."""
    queries = [query.replace("$__rate_interval", "1m") for query in QUERIES]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "all.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(queries)} rules found" in _promtool(tmp_path, "check", "rules", "all.yml")


def test_every_alert_is_seen_firing_in_promtools_tests() -> None:
    text = (DEPLOY / "prometheus" / "alerts.test.yml").read_text()
    assert set(re.findall(r'alertname="(\w+)"', text)) == {rule["alert"] for rule in RULES}
