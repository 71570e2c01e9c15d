"""botocore sessions that make clients quickly: a process shares what botocore has loaded."""

from __future__ import annotations

from ._extras import missing_extra

try:
    import botocore  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

import inspect
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session

_SERVICES, _SERVICES_END = '\n    "services" : {', "\n    }"
"""Between them stand, in botocore's file of all endpoints, the services of a partition: an object of its own each."""


class _Services(Mapping[str, Any]):
    """The endpoints of the services of one partition; those of a service are parsed when it is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getitem__(self, service: str) -> Any:
        begin = self._text.find(_head(service))
        if begin < 0:
            raise KeyError(service)
        return json.JSONDecoder().raw_decode(self._text, begin + len(_head(service)) - 1)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(f"{{{self._text}}}")
        return found


def _head(service: str) -> str:
    return f"\n      {json.dumps(service)} : {{"


def _endpoints(text: str) -> Any:
    """What the file of all endpoints has. Raises `ValueError` where it is not laid out as botocore's always was."""
    first, *partitions = text.split(_SERVICES)
    services, rests = zip(*(each.split(_SERVICES_END, 1) for each in partitions), strict=True)
    found = json.loads(f"{_SERVICES}{_SERVICES_END}".join([first, *rests]))
    for partition, each in zip(found["partitions"], services, strict=True):
        partition["services"] = _Services(each)
    return found


class _FileLoader(JSONFileLoader):
    """Leaves most of botocore's largest file unparsed: the endpoints of 300 services."""

    def load_file(self, file_path: str) -> Any:
        path = Path(f"{file_path}.json")
        if path.name != "endpoints.json" or not path.is_file():
            return super().load_file(file_path)
        text = path.read_text("utf-8")
        try:
            return _endpoints(text)
        except ValueError:
            return json.loads(text)


class _Emitter(HierarchicalEmitter):
    """Sees by a flag that a handler takes keyword arguments; botocore makes the whole signature of each of its 130."""

    def _verify_accept_kwargs(self, func: Callable[..., Any]) -> None:
        code = getattr(func, "__code__", None)
        if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
            super()._verify_accept_kwargs(func)  # type: ignore[misc]  # botocore's stubs leave it out


class _Asked(threading.local):
    """The service whose model this thread loads."""

    service: str | None = None


class _OneFolderLoader(Loader):
    """Loads what botocore knows of a service from its own folder, without looking through those of 400 others."""

    def __init__(self, search_paths: tuple[str, ...]) -> None:
        super().__init__(list(search_paths), file_loader=_FileLoader(), include_default_search_paths=False)
        self._asked = _Asked()

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        self._asked.service = service_name
        try:
            return super().load_service_model(service_name, type_name, api_version)
        finally:
            self._asked.service = None

    def list_available_services(self, type_name: str) -> list[str]:
        """Before a model is loaded, botocore looks here whether there is such a service."""
        asked = self._asked.service
        return [asked] if asked and self._knows(asked, type_name) else super().list_available_services(type_name)

    def _knows(self, service: str, type_name: str) -> bool:
        try:
            return bool(self.list_api_versions(service, type_name))
        except DataNotFoundError:
            return False


@cache
def _loader(search_paths: tuple[str, ...]) -> _OneFolderLoader:
    """Keeps what it has loaded, so that a second client costs a fraction of the first."""
    return _OneFolderLoader(search_paths)


def quick_session() -> Session:
    """A new session, whose first client takes half the time::

        s3 = quick_session().create_client("s3")

    It makes clients of every service, as each provider of credentials needs one of its own. A session of boto3 or
    botocore searches the folders of all services for the one, and loads everything again.
    """
    session = Session(event_hooks=_Emitter())
    loader = _loader(tuple(session.get_component("data_loader").search_paths))
    session.register_component("data_loader", loader)
    return session
