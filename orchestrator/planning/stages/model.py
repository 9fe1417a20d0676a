"""model: the base model's folder, linked into the run under a safe name; or a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.errors import RecipeError
from orchestrator.base.language import say
from orchestrator.base.layout import TRAIN
from orchestrator.base.plan import Artifact, Facts, Plan, Progress, Proof
from orchestrator.engines.job import Job
from orchestrator.planning.rehearsal import own, standin
from orchestrator.recipe.trust import trust_in_words, trusts_remote_code


def plan(job: Job, root: Path) -> Plan:
    """A link to the model's folder, or in a rehearsal the command that makes the stand-in."""
    if job.standin == "own":
        return own.plan(job)
    if job.rehearsal:
        return standin.plan(job, rows=TRAIN)
    return Plan(
        stage="model",
        task=LinkModel(job),
        outputs=(),
        artifacts=(Artifact(path=job.model_name, proof=BASE),),
    )


@dataclass(frozen=True)
class LinkModel:
    """The task: find the model on disk or download it, then link to it from the run directory.

    A link keeps 15 GB out of every run directory, gives the config a short relative path as in
    the tutorial, and a name without dots whatever the hub's cache calls its folders.
    """

    job: Job

    def describe(self) -> str:
        link = say(f"link it as {self.link}", f"链接为 {self.link}")
        return f"{self._where()}, {link}; {trust_in_words(self.job.recipe.model)}"

    def _where(self) -> str:
        """Where the model would come from now; what is wrong with a folder, the run itself says."""
        from orchestrator.hub.fetch import known_model

        model = self.job.recipe.model
        try:
            folder = known_model(model)
        except RecipeError:
            folder = None
        if folder is not None:
            named = f"{folder.id}@{folder.revision}" if folder.revision else folder.id
            return say(f"take {named} from {folder.path}", f"使用 {folder.path} 中的 {named}")
        if model.path is not None or model.hub == "local":
            place = model.path or model.id
            return say(f"take the model from {place}", f"使用 {place} 中的模型")
        named = f"{model.id}@{model.revision}" if model.revision else model.id
        return say(f"find or download {named} ({model.hub})", f"查找或下载 {named}（{model.hub}）")

    @property
    def link(self) -> str:
        return self.job.model_name

    def facts(self) -> Mapping[str, object]:
        return {"model": self.job.recipe.model.model_dump(exclude={"template"})}

    def run(self, root: Path, progress: Progress) -> Mapping[str, object]:
        from orchestrator.hub.fetch import fetch_model
        from orchestrator.hub.provenance import provenance

        model = self.job.recipe.model
        folder = fetch_model(model, progress=progress)
        _link(root / self.link, folder.path)
        trusted = trusts_remote_code(model)
        return {**provenance(folder), "asked": model.revision, "trust_remote_code": trusted}


def _link(link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        raise RecipeError(
            say(
                f"{link.name} is in the way of the link to the model.",
                f"{link.name} 占用了模型链接的位置。",
            ),
            where=str(link),
            why=say("it is a file or folder of its own", "它本身是一个文件或文件夹"),
            fix=say(
                "move it away, then run the same command again", "请移走它，然后再次运行同一命令"
            ),
        )
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise RecipeError(
            say(
                "The model cannot be linked into the run directory.",
                "无法在运行目录中建立指向模型的链接。",
            ),
            where=str(link),
            why=error.strerror or str(error),
            fix=say(
                "make the folder writable, or keep runs on a disk that knows links: set "
                "RECIPE_RUNS to another folder",
                "请使该文件夹可写，或把运行放到支持链接的磁盘：将 RECIPE_RUNS 设为另一个文件夹",
            ),
        ) from error


def _base_model(path: Path, _base: Path | None) -> Facts:
    from orchestrator.hub.folder import check_folder

    folder = check_folder(path)
    return {"files": len(folder.files), "bytes": folder.bytes}


BASE = Proof(name="base", check=_base_model, is_new=False)
