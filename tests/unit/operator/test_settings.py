"""Settings, sources and environment of the process."""

import json
from pathlib import Path

import pytest
from mm_operator.config import ConfigError, kafka_settings, load_settings, load_sources, operator_port
from mm_operator.core.settings import OperatorSettings
from pydantic import BaseModel, ValidationError

MINIMUM = {"image": "app:1", "jobs": {kind: {"command": ["x"]} for kind in ("ingest", "load", "transform")}}


def test_the_minimum_is_enough_and_the_namespace_comes_from_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "operator.json"
    file.write_text(json.dumps(MINIMUM), encoding="utf-8")
    monkeypatch.setenv("MARS_OPERATOR_FILE", str(file))
    monkeypatch.setenv("POD_NAMESPACE", "mars")
    assert load_settings().namespace == "mars"
    monkeypatch.delenv("POD_NAMESPACE")
    with pytest.raises(ConfigError, match="POD_NAMESPACE"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "word"),
    [("{", "not JSON"), ('{"image": "x"}', "jobs"), (json.dumps(MINIMUM | {"loadFoldSecond": 1}), "loadFoldSecond")],
)
def test_a_wrong_file_is_told_by_name_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, word: str
) -> None:
    file = tmp_path / "operator.json"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MARS_OPERATOR_FILE", str(file))
    with pytest.raises(ConfigError, match=word) as caught:
        load_settings()
    assert str(file) in str(caught.value)


def test_missing_files_and_variables_say_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARS_SOURCES_FILE", str(tmp_path / "none.json"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(ConfigError, match="MARS_SOURCES_FILE"):
        load_sources()
    with pytest.raises(ConfigError, match="KAFKA_BOOTSTRAP_SERVERS"):
        kafka_settings()
    monkeypatch.setenv("MARS_OPERATOR_PORT", "http")
    with pytest.raises(ConfigError, match="MARS_OPERATOR_PORT"):
        operator_port()


def models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += models(field.annotation)
    return found


def test_every_setting_has_a_sentence() -> None:
    missing = [
        f"{model.__name__}.{name}"
        for model in models(OperatorSettings)
        for name, field in model.model_fields.items()
        if not field.description and model.__name__ != "JobTemplates"
    ]
    assert missing == []


@pytest.mark.parametrize("bad", [{"maxConcurrentJobs": 0}, {"loadFoldSeconds": 61}, {"sweepInterval": "x"}])
def test_bounds_hold(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OperatorSettings.model_validate(MINIMUM | bad)
