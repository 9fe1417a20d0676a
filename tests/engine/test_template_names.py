"""One prompt template, two names: each name stands in its engine's own registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.base.errors import UsageError
from orchestrator.engines import registry
from orchestrator.engines.llamafactory.template_names import WITHOUT_MODELFILE
from orchestrator.engines.templates import TABLE, translated
from orchestrator.envs import ensure
from tests.support.engine_runs import in_engine

pytestmark = pytest.mark.engine

NAMES = """
import importlib, json, sys
from pathlib import Path
module, attribute = sys.argv[2:]
names = sorted(getattr(importlib.import_module(module), attribute))
Path(sys.argv[1]).write_text(json.dumps(names))
"""
MODELFILES = """
import json, sys
from pathlib import Path
from llamafactory.data.template import TEMPLATES

class Tokenizer:
    bos_token, eos_token, bos_token_id, eos_token_id = "<s>", "</s>", 1, 2
    convert_tokens_to_ids = convert_ids_to_tokens = staticmethod(lambda one: one)

found = []
for name, template in TEMPLATES.items():
    try:
        template.get_ollama_modelfile(Tokenizer())
    except ValueError:
        found.append(name)
Path(sys.argv[1]).write_text(json.dumps(found))
"""


def asked(release: str, script: str, folder: Path, *words: str) -> list[str]:
    environment = ensure(registry.release(release), progress=print)
    report = folder / "report.json"
    done = in_engine(environment, "-c", script, str(report), *words, cwd=folder)
    assert report.exists(), done.output
    names: list[str] = json.loads(report.read_text())
    return names


@pytest.mark.parametrize("release", ["xtuner@0.2.0", "llamafactory@0.9.5"])
def test_every_name_of_the_table_exists(release: str, tmp_path: Path) -> None:
    engine = registry.get(release.partition("@")[0])
    known = asked(release, NAMES, tmp_path, *engine.template_registry)
    wanted = {name for one in TABLE for name in one.under(engine.name)}
    assert wanted <= set(known)
    assert len(wanted) > 15


def test_which_templates_have_no_modelfile(tmp_path: Path) -> None:
    assert set(asked("llamafactory@0.9.5", MODELFILES, tmp_path)) == WITHOUT_MODELFILE


def test_translation_goes_both_ways() -> None:
    for one in TABLE:
        if one.xtuner and one.llamafactory:
            for name in one.xtuner:
                assert translated(name, "llamafactory") == one.llamafactory
            assert translated(one.llamafactory, "xtuner") == one.xtuner[0]
        elif one.xtuner:
            with pytest.raises(UsageError):
                translated(one.xtuner[0], "llamafactory")
