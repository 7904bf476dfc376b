"""A published data set as a copy of it lies on a disk.

A copy is recognised by its folder names, its class folders by any known spelling, and its items get the same
names and the same order in every layout, so that results of two copies can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmark.errors import BenchmarkError
from datasets.base import DatasetIndex, Progress, Roles, SketchPhotoDataset
from datasets.classes import class_facts
from datasets.published.counts import Published, class_counts, count_findings, lacking
from datasets.published.file_lists import FileLists, choose_listed, read_file_lists
from datasets.published.items import Objects, make_items, without
from datasets.published.layouts import Layout, Place, recognise
from datasets.published.names import ClassNames
from datasets.published.parts import SKETCH, Part, first_few
from datasets.published.sampling import every_nth_of_class
from datasets.published.scan import ScannedPart, scan_part
from datasets.splits import ZeroShotSplit, committed_split, committed_split_ids
from datasets.survey import ClassCount, Finding, Survey

SUBSET = "/zse_subset"
"""Ends the name of a protocol with queries and gallery subsampled at ZSE-SBIR's rates."""


class PublishedDataset(SketchPhotoDataset):
    """A data set in class folders whose copies differ in layout and spelling.

    splits_folder: of `datasets/splits`. default_split: the one most used in papers. class_table: of
    `datasets.classes`. homes: what its own folder may be called, in small letters and digits. spellings:
    class folders that are named otherwise than by case and separators. totals: part key -> least and
    greatest published number of pictures. subset: every n-th sketch and photo that ZSE-SBIR's subset keeps.
    """

    splits_folder: ClassVar[str]
    default_split: ClassVar[str]
    class_table: ClassVar[str]
    homes: ClassVar[tuple[str, ...]]
    parts: ClassVar[tuple[Part, ...]]
    layouts: ClassVar[tuple[Layout, ...]]
    spellings: ClassVar[Mapping[str, str]] = {}
    totals: ClassVar[Mapping[str, tuple[int, int]]] = {}
    subset: ClassVar[tuple[int, int]] = (1, 1)

    def index(self, progress: Progress | None = None) -> DatasetIndex:
        """Find all items. Reads no picture, except with `skip_corrupt`, which decodes each once.

        Raises BenchmarkError with the first thing that is wrong and the number of others.
        """
        survey, scanned = self._look(progress)
        index = survey.require_index()
        if not self.skip_corrupt:
            return index
        items = (index.sketches, index.photos)
        files = [path for some in items for path in some.files]
        faults = self.ledger.faults(files, progress)
        if not faults:
            return index
        skipped = tuple(
            name
            for some in items
            for path, name in zip(some.files, some.names, strict=True)
            if path in faults
        )
        left = self._index([without(one, faults) for one in scanned], index.found, skipped)
        return replace(left, lacking=index.lacking)

    def survey(self, progress: Progress | None = None) -> Survey:
        """Look at every folder and every file list; raise nothing and read no picture."""
        return self._look(progress)[0]

    def split_ids(self) -> tuple[str, ...]:
        """The lists of unseen classes, the one most used in papers first."""
        ids = committed_split_ids(self.splits_folder)
        return tuple(sorted(ids, key=lambda split_id: (split_id != self.default_split, split_id)))

    def split(self, split_id: str) -> ZeroShotSplit:
        """Return a published list. Raises BenchmarkError naming the known ones."""
        return committed_split(self.id, split_id, folder=self.splits_folder)

    def roles(self, index: DatasetIndex, protocol: str) -> Roles:
        """Everything is tested that `tested_sources` names, in a subset every n-th item of each class.

        Items train where `trained_sources` names them. Raises BenchmarkError for an unknown protocol, and for
        one that needs photos which the copy on disk does not have.
        """
        self.check_protocol(protocol)
        gallery = protocol.removesuffix(SUBSET)
        sources = np.array(index.photos.sources)
        there = set(index.photos.sources or ())
        absent = sorted({*self.tested_sources(gallery), *self.trained_sources(gallery)} - there)
        if absent:
            raise BenchmarkError(
                f"protocol '{protocol}' of data set '{self.id}' needs the photos '{absent[0]}', which this "
                f"copy does not have apart ({index.found}). Use --protocol {', '.join(sorted(there))}, or "
                "fetch a copy in layout A or B."
            )
        n_sketches, n_photos = self.subset if protocol.endswith(SUBSET) else (1, 1)
        every_sketch = np.ones(len(index.sketches), bool)
        tested = np.isin(sources, self.tested_sources(gallery))
        return Roles(
            every_sketch,
            np.isin(sources, self.trained_sources(gallery)),
            every_nth_of_class(index.sketches.labels, every_sketch, n_sketches),
            every_nth_of_class(index.photos.labels, tested, n_photos),
        )

    @classmethod
    def galleries(cls) -> Mapping[str, tuple[str, ...]]:
        """Sources of the photos by protocol, subsets left out."""
        return {name: cls.tested_sources(name) for name in cls.card.protocols if not name.endswith(SUBSET)}

    @classmethod
    def tested_sources(cls, gallery: str) -> tuple[str, ...]:
        """Sources of the photos that are searched under a protocol, its subset aside."""
        return tuple(part.key for part in cls.parts if not part.is_sketch)

    @classmethod
    def trained_sources(cls, gallery: str) -> tuple[str, ...]:
        """Sources of the photos that train."""
        return cls.tested_sources(gallery)

    def class_names(self) -> ClassNames:
        """The classes and the spellings of their folders."""
        return ClassNames(tuple(self._published()[SKETCH]), self.spellings)

    def _look(self, progress: Progress | None) -> tuple[Survey, Sequence[ScannedPart]]:
        names = self.class_names()
        found = ""
        findings: list[Finding] = []
        scanned: list[ScannedPart] = []
        counts: tuple[ClassCount, ...] = ()
        index = None
        try:
            place = recognise(
                self._root, homes=self.homes, layouts=self.layouts, parts=self.parts, names=names
            )
            lists = read_file_lists(place.home) if place.layout.has_lists else FileLists((), {}, ())
            found = place.sentence(self.parts) + lists.sentence
            scanned = [
                scan_part(part, place.folders[part.key], names, progress)
                for part in self.parts
                if part.key in place.folders
            ]
            # Of what lies on the disk: lists leave out pictures that nobody has to fetch.
            counts = class_counts(scanned, names.class_names, self._published())
            _use_lists(lists, place, scanned, names, findings)
            index = replace(self._index(scanned, found), lacking=lacking(scanned, counts, self.totals))
        except BenchmarkError as error:
            findings.append(Finding("error", "data set", str(self._root), str(error)))
        findings = [
            *(finding for one in scanned for finding in one.findings),
            *findings,
            *count_findings(scanned, counts, self.totals),
        ]
        return Survey(found, index, counts, tuple(findings)), scanned

    def _index(
        self, scanned: Sequence[ScannedPart], found: str, skipped: tuple[str, ...] = ()
    ) -> DatasetIndex:
        class_names, objects = self.class_names().class_names, Objects()
        sketches, photos = (
            make_items([one for one in scanned if one.part.is_sketch == is_sketch], class_names, objects)
            for is_sketch in (True, False)
        )
        return DatasetIndex(class_names, sketches, photos, skipped=skipped, found=found)

    def _published(self) -> Published:
        facts = class_facts(self.class_table)
        photos = {part.key for part in self.parts if not part.is_sketch}
        return {
            SKETCH: {fact.class_name: fact.n_sketches for fact in facts},
            **{key: {fact.class_name: fact.n_photos.get(key) for fact in facts} for key in photos},
        }

    @property
    def _root(self) -> Path:
        assert self.root is not None  # the base class refuses a missing root
        return self.root


def _use_lists(
    lists: FileLists,
    place: Place,
    scanned: Sequence[ScannedPart],
    names: ClassNames,
    findings: list[Finding],
) -> None:
    findings += lists.findings
    used = {folder for one in scanned for folder in choose_listed(one, lists, place.home, names)}
    unused = {folder: files for folder, files in lists.files.items() if folder not in used}
    if unused:
        parents = sorted({folder.rpartition("/")[0] for folder in unused})
        findings.append(
            Finding(
                "note",
                "listed elsewhere",
                ", ".join(parents),
                f"The file lists also name pictures ({sum(map(len, unused.values())):,}) in folders that "
                f"this data set does not use: {first_few(parents)}.",
            )
        )
