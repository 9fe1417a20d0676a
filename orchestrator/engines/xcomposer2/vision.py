"""The vision tower that the model's own code loads by a fixed name, brought into the run.

build_mlp.py says ``CLIPVisionModel.from_pretrained('openai/clip-vit-large-patch14-336')``: a folder
of that name in the working folder comes before any hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.plan import Progress
from orchestrator.engines.xcomposer2.settings import VISION
from orchestrator.recipe.schema import Model

#: Hub -> where it has the tower.
_IDS = {"modelscope": "AI-ModelScope/clip-vit-large-patch14-336", "huggingface": VISION}


@dataclass(frozen=True)
class BringVision:
    """The task: a folder of that name in the run: its own, one from nearby, or one of the hub."""

    model: Model
    link: str
    """The link to the base model in the run directory."""

    def describe(self) -> str:
        return say(f"find or download {VISION}", f"查找或下载 {VISION}")

    def facts(self) -> Mapping[str, object]:
        return {"vision": VISION}

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        place = root / VISION
        if not place.exists():
            place.unlink(missing_ok=True)  # a link whose target is gone
            found = next(filter(_is_model, self._near(root)), None) or self._from_hub(progress)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(found.resolve(), target_is_directory=True)
        if not _is_model(place):
            raise RecipeError(
                say(f"{VISION} holds no config.json.", f"{VISION} 中没有 config.json。"),
                where=str(place),
                fix=_by_hand(root),
            )
        return {"vision": str(place.resolve())}

    def _near(self, root: Path) -> Iterator[Path]:
        """Where people put it: the current folder, beside the base model, or in its folder."""
        model = (root / self.link).resolve()
        for folder in (Path.cwd(), model.parent, model, model.parent.parent):
            yield folder / VISION
            yield folder / VISION.rpartition("/")[2]

    def _from_hub(self, progress: Progress) -> Path:
        from orchestrator.hub.fetch import fetch_model

        hub = self.model.hub if self.model.hub in _IDS else "modelscope"
        wanted = self.model.model_copy(
            update={"id": _IDS[hub], "hub": hub, "path": None, "revision": None}
        )
        try:
            return fetch_model(wanted, progress=progress).path
        except RecipeError as error:
            raise RecipeError(
                say(
                    f"The vision tower {VISION}, which the model's code loads by that name, is not "
                    "here.",
                    f"找不到视觉编码器 {VISION}，模型的代码按这个名称加载它。",
                ),
                where=error.where,
                why="\n".join(filter(None, [error.what, error.why])),
                fix=_by_hand(Path("RUN")),
            ) from error


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _by_hand(root: Path) -> str:
    return say(
        f"put that model's folder where it is looked for: ./{VISION}, or {root / VISION}",
        f"把该模型的文件夹放到会查找的位置：./{VISION}，或 {root / VISION}",
    )
