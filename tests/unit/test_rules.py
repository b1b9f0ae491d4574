"""The rulebook is proved: every rule that is due has a test that names it, and docs/rules.md says where."""

from pathlib import Path

import pytest

from tools.rules import TARGET, Rule, collect, render


def test_every_required_rule_is_named_by_a_test() -> None:
    assert [rule.code for rule in collect() if rule.is_missing] == []


def test_the_page_of_rules_is_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(collect()), "run python -m tools.rules"


def test_a_code_that_no_rulebook_has_is_found(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "rules.yaml").write_text(
        "R-LAD-01: {title: t, proof: required}\n", encoding="utf-8"
    )
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "a.py").write_text('"""R-LAD-77: a typing error."""\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"R-LAD-77 \(services/a.py\)"):
        collect(tmp_path)


def test_a_required_rule_without_a_test_is_missing() -> None:
    assert Rule("R-LAD-01", "title", "required").is_missing
    assert not Rule("R-MED-01", "title", "mediation").is_missing
