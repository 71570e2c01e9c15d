"""The page that lists what was deployed: stacks with their outputs, dashboards and widgets. It has no script."""

from collections.abc import Iterable, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

from moto.cloudformation.models import cloudformation_backends

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.deployed_widgets import page_paths
from status_tracker_local.pages import RefusedError, StartResponse, answer, check_origin
from status_tracker_local.stacks import is_for_people, is_of_an_app

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = (
    ":root{color-scheme:light dark}body{margin:0 auto;padding:16px;max-width:70em;"
    'font:15px/1.5 "Helvetica Neue",Roboto,Arial,sans-serif}h1{font-size:20px}h2{font-size:16px}'
    "th,td{text-align:left;vertical-align:top;padding:2px 16px 2px 0;overflow-wrap:anywhere}th{white-space:nowrap}"
)


def start_page(environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The answer to a WSGI request to `START_PATH`."""
    try:
        check_origin(environ)
    except RefusedError as refused:
        return answer(start_response, refused.status, "text/plain; charset=utf-8", str(refused))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>The local cloud</title><style>{_STYLE}</style></head><body><h1>The local cloud</h1>"
        f"<h2>Pages</h2>{_pages()}{_stacks()}</body></html>"
    )
    return answer(start_response, HTTPStatus.OK, "text/html; charset=utf-8", page, _POLICY)


def _pages() -> str:
    links = [f'<li><a href="{escape(path)}">{escape(what.capitalize())}</a></li>' for what, path in page_paths()]
    return f"<ul>{''.join(links)}</ul>" if links else "<p>No dashboard is deployed.</p>"


def _stacks() -> str:
    stacks = list(cloudformation_backends[ACCOUNT_ID][REGION].stacks.values())
    return "".join(_stack(stack) for stack in stacks if is_of_an_app(stack.name))


def _stack(stack: Any) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(each["OutputKey"])}</th><td><code>{escape(str(each["OutputValue"]))}</code></td>'
        f"<td>{escape(each.get('Description') or '')}</td></tr>"
        for each in stack.outputs or []
        if is_for_people(each["OutputKey"])
    )
    outputs = f"<table>{rows}</table>" if rows else "<p>It has no outputs.</p>"
    return f"<h2>The stack {escape(stack.name)}</h2>{outputs}"
