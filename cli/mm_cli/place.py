"""Which release a command is about: flags and variables in, the cluster's own words about it out."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.kube import Kube

_SELECTOR: Final = "app.kubernetes.io/part-of=martian-moments,app.kubernetes.io/component=access"


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which release is meant."""
    group = parser.add_argument_group("which release")
    group.add_argument(
        "-n", "--namespace", default="", help="its namespace (default: $MARS_NAMESPACE, or the context's)"
    )
    group.add_argument("--release", default="", help="its name (default: $MARS_RELEASE, or the only one there)")
    group.add_argument("--context", default="", help="kubeconfig context (default: $MARS_CONTEXT, or the current one)")
    group.add_argument("--kubeconfig", default="", metavar="FILE", help="kubeconfig file (default: kubectl's own)")


@dataclass(frozen=True)
class Place:
    """A release, as flags and variables name it."""

    namespace: str = ""
    release: str = ""
    context: str = ""
    kubeconfig: str = ""
    asked: bool = False
    """Whether a flag says it: then the variables of a direct connection do not count."""

    @classmethod
    def of(cls, arguments: argparse.Namespace, env: Mapping[str, str] | None = None) -> "Place":
        """Return the place that a command's flags name, and where they do not, the environment."""
        variables = os.environ if env is None else env
        given = {name: str(getattr(arguments, name, "") or "") for name in ("namespace", "release", "context")}
        return cls(
            **{name: value or variables.get(f"MARS_{name.upper()}", "") for name, value in given.items()},
            kubeconfig=str(getattr(arguments, "kubeconfig", "") or ""),
            asked=any(given.values()),
        )

    def kube(self) -> Kube:
        """Return the cluster."""
        return Kube(self.namespace, self.context, self.kubeconfig)


@dataclass(frozen=True)
class Release:
    """A release that is there: what its ConfigMap ``<name>-access`` tells."""

    kube: Kube
    name: str
    prefix: str
    """What the names of its objects begin with."""
    facts: Mapping[str, str]

    def settings(self) -> dict[str, str]:
        """Return what all its processes are told by their environment."""
        return self.kube.config(f"{self.prefix}-env")

    def plans(self) -> list[dict[str, Any]]:
        """Return its IngestionPlans, those by hand among them where it takes them."""
        from mm_contracts.plan import GROUP, LABEL_INSTANCE, PLURAL

        found = self.kube.items(f"{PLURAL}.{GROUP}")
        by_hand = self.facts.get("plansWithoutInstance") == "true"

        def own(plan: dict[str, Any]) -> bool:
            instance = (plan["metadata"].get("labels") or {}).get(LABEL_INSTANCE)
            return by_hand if instance is None else bool(instance == self.name)

        return [plan for plan in found if own(plan)]


def release_of(place: Place) -> Release:
    """Return the release that is meant.

    Raises:
        CliError: there is none, or several and none is named; or the cluster does not answer.
    """
    kube = place.kube()
    where = f"namespace {place.namespace}" if place.namespace else "the context's namespace"
    found = [
        Release(kube, facts["release"], facts["prefix"], facts)
        for facts in (item.get("data") or {} for item in kube.items("configmaps", "--selector", _SELECTOR))
        if "release" in facts and "prefix" in facts
    ]
    wanted = [release for release in found if place.release in ("", release.name)]
    names = ", ".join(sorted(release.name for release in found))
    if len(wanted) == 1:
        return wanted[0]
    if len(wanted) > 1:
        raise CliError(f"there are several releases in {where}: give --release, one of {names}", USAGE)
    if found:
        raise CliError(f"there is no release {place.release} in {where}, but {names}", NOT_FOUND)
    raise CliError(
        f"there is no release of Martian Moments in {where}: give -n NAMESPACE (`kubectl get ingestionplans -A` shows "
        "where there are plans), or install one (`./mars demo` for a local one)",
        NOT_FOUND,
    )


_PLACE_OPTIONS: Final = ("--namespace", "--release", "--context", "--kubeconfig")


def without_place(words: Sequence[str]) -> list[str]:
    """Return a command's words without the options of ``add_place``: for the same command inside the release."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        name, joined, _ = word.partition("=")
        if word == "-n" or name in _PLACE_OPTIONS:
            if not joined:
                next(rest, None)
        elif not (word.startswith("-n") and len(word) > 2):
            kept.append(word)
    return kept
