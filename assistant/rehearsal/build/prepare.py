"""Phase one: fill the cache with everything the practice internet needs. Needs the network once.

With a full cache it looks at a few folders and is done, without any network.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from assistant.rehearsal.build.debian_mirror import (
    MIRROR_RECIPE,
    ImageApt,
    build_index,
    make_signing_key,
)
from assistant.rehearsal.build.images import (
    PYTHON_OF,
    SERVICE_PACKAGES,
    SERVICES_RECIPE,
    build_image,
    image_digest,
    unpack_services,
)
from assistant.rehearsal.build.requirements import (
    Requirement,
    install_requirements,
    missing_requirements,
)
from assistant.rehearsal.build.wheel_index import (
    FORMER_LOCK,
    WHEELS_RECIPE,
    download_wheels,
    pip_python,
)
from assistant.rehearsal.cache import Report, cache_lock, cache_root, digest, ensure, remove_tree

__all__ = [
    "Prepared",
    "PreparedRelease",
    "Requirement",
    "install_requirements",
    "missing_requirements",
    "prepare",
]


@dataclass(frozen=True)
class PreparedRelease:
    """One Debian release in the cache."""

    release: str
    image: Path
    """The root folder hosts are booted over; never written to."""
    debs: Path
    """A folder with `pool/RELEASE` and `dists/RELEASE`."""
    wheels: Path
    """A folder of wheels for this release's Python."""


@dataclass(frozen=True)
class Prepared:
    """Everything `Lab.start` needs; no network is used after this."""

    releases: tuple[PreparedRelease, ...]
    services_image: Path
    services_layer: Path
    """The lab's own servers, unpacked, to lie over `services_image`."""
    signing_key: str
    """The public key of the package mirror, armored."""

    def of(self, release: str) -> PreparedRelease:
        """The prepared release of that name. Raises KeyError."""
        for prepared in self.releases:
            if prepared.release == release:
                return prepared
        raise KeyError(release)


def prepare(
    releases: Sequence[str], debs: Sequence[str], locks: Sequence[str], report: Report
) -> Prepared:
    """Fill the cache and return where everything is.

    `debs` are Debian packages that hosts will want beyond the base image, with all they depend
    on; `locks` list every wheel by its hashes. One release takes 1 to 3 minutes the first
    time and well under a second afterwards. Raises RehearsalError.
    """
    root = cache_root()
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:
            report(line)

    plans = [_Plan(root, release, tuple(debs), tuple(locks)) for release in releases]
    with cache_lock(root, tell):
        keys = ensure(root / "keys" / "mirror-1", make_signing_key)
        services = plans[0]
        jobs: list[Callable[[], None]] = []
        for plan in plans:
            jobs.append(partial(plan.images, keys, tell, services=plan is services))
            jobs.append(partial(plan.wheels, tell))
        if not all(plan.complete(keys, services=plan is services) for plan in plans):
            _all(jobs)
            remove_tree(root / "apt")
            tell("The practice internet is prepared.")
        return Prepared(
            releases=tuple(plan.result(keys) for plan in plans),
            services_image=services.image_entry / "root",
            services_layer=services.services_entry / "layer",
            signing_key=(keys / "public.asc").read_text(encoding="utf-8"),
        )


def _all(jobs: Sequence[Callable[[], None]]) -> None:
    """Run the jobs side by side; when some fail, the first error is raised after all ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(jobs))) as pool:
        futures = [pool.submit(job) for job in jobs]
        for future in futures:
            future.result()


class _Plan:
    """The cache entries of one release."""

    def __init__(
        self, root: Path, release: str, debs: tuple[str, ...], locks: tuple[str, ...]
    ) -> None:
        self._root = root
        self._release = release
        self._debs = debs
        self._locks = locks
        image = image_digest(release)
        self._image_digest = image
        self.image_entry = root / "images" / f"{release}-{image}"
        services = digest(image, SERVICES_RECIPE, SERVICE_PACKAGES)
        self.services_entry = root / "services" / f"{release}-{services}"
        python = (PYTHON_OF[release], platform.machine())
        wanted = digest(WHEELS_RECIPE, release, *python, FORMER_LOCK, sorted(locks))
        self._wheels_entry = root / "wheels" / f"{release}-{wanted}"

    def _debs_entry(self, keys: Path) -> Path:
        # An index is signed by one key: with another key it has to be made again.
        key = (keys / "public.asc").read_text(encoding="utf-8")
        wanted = digest(MIRROR_RECIPE, self._image_digest, sorted(self._debs), key)
        return self._root / "debs" / f"{self._release}-{wanted}"

    def complete(self, keys: Path, *, services: bool) -> bool:
        entries = [self.image_entry, self._wheels_entry, self._debs_entry(keys)]
        if services:
            entries.append(self.services_entry)
        return all(entry.is_dir() for entry in entries)

    def images(self, keys: Path, report: Report, *, services: bool) -> None:
        """The image, and what is computed from its package state."""
        release = self._release
        ensure(self.image_entry, lambda folder: build_image(release, folder, report))
        entry = self._debs_entry(keys)
        if entry.is_dir() and (not services or self.services_entry.is_dir()):
            return
        apt = ImageApt(self.image_entry / "root", self._root / "apt" / release)
        report(f"{release}: reading the package lists.")
        apt.update()

        def fill_debs(folder: Path) -> None:
            pool = folder / "pool" / release
            report(f"{release}: downloading the packages hosts will want.")
            # python3 as well: a host that comes without it gets it from the mirror.
            apt.download([*self._debs, "python3"], pool, without_python=True)
            report(f"{release}: signing the index of {len(list(pool.iterdir()))} packages.")
            build_index(release, folder, keys / "private.asc")

        def fill_services(folder: Path) -> None:
            report(f"{release}: downloading the lab's own servers.")
            apt.download(SERVICE_PACKAGES, folder / "debs", without_python=False)
            unpack_services(folder / "debs", folder)
            remove_tree(folder / "debs")

        ensure(entry, fill_debs)
        if services:
            ensure(self.services_entry, fill_services)

    def wheels(self, report: Report) -> None:
        """The wheels; they depend on no image."""

        def fill(folder: Path) -> None:
            report(f"{self._release}: downloading Python packages.")
            download_wheels(self._release, self._locks, folder, python)
            found = len(list((folder / "files").iterdir()))
            report(f"{self._release}: {found} Python packages are here.")

        if not self._wheels_entry.is_dir():
            python = pip_python(self._root)
            ensure(self._wheels_entry, fill)

    def result(self, keys: Path) -> PreparedRelease:
        return PreparedRelease(
            release=self._release,
            image=self.image_entry / "root",
            debs=self._debs_entry(keys),
            wheels=self._wheels_entry / "files",
        )
