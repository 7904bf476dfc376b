"""What a call names, looked up before torch is loaded: a typing mistake is answered within a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.configs import check_values, config_path, read_file
from benchmark.method_sources import are_all_told, method_sources
from benchmark.registry import DATASETS, METHODS
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights
from datasets.class_vectors import open_class_vectors
from datasets.preprocessing import preset
from datasets.splits import committed_split, committed_split_ids

if TYPE_CHECKING:
    from benchmark.suite import Suite


def check_names(suite: Suite) -> None:
    """Look up what a suite names, before anything is looked for on the disk.

    Raises BenchmarkError for a method, data set, protocol, backbone, preset or committed split that is not
    known, for a file of class vectors that is not there or of no known form, and for a configuration that no
    method of the suite can have.
    """
    known = method_ids()
    for method in () if suite.methods == "all" else suite.methods:
        if method not in known:
            raise METHODS.unknown(method, known)
    make_backbone(suite.backbone, Weights(suite.weights))
    preset(suite.preprocessing)
    open_class_vectors(suite.class_vectors)
    kind = DATASETS.get(suite.dataset)
    if suite.protocol is not None:
        kind.check_protocol(suite.protocol)
    folder = kind.folder_of_splits()
    if isinstance(suite.splits, tuple) and committed_split_ids(folder):
        for split_id in suite.splits:
            committed_split(suite.dataset, split_id, folder=folder)
    _check_config_file(suite)


def method_ids() -> tuple[str, ...]:
    """Return the ids of all methods, sorted, without importing those of this repository if that can be."""
    return METHODS.ids_beside(method_sources()) if are_all_told() else METHODS.ids()


def _check_config_file(suite: Suite) -> None:
    """Read a configuration file of one's own; what its values mean for a method of a plugin is seen later."""
    path = config_path(suite.config)
    if path is None:
        return
    values = read_file(path)["config"]
    sources = method_sources()
    for method in sources if suite.methods == "all" else suite.methods:
        defaults = sources[method].defaults if method in sources else None
        if defaults is not None:
            check_values(method, defaults, values, f"configuration '{path.stem}' ({path})")
