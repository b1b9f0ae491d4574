"""What goes over the wire in GeoReport v2: an answer as XML or JSON, and errors in the format that was asked for.

XML is `text/xml; charset=utf-8`; a list is an element with one child each. JSON is `application/json`; a list is a
bare array. Everything that came from people is escaped.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from chassis.http import Problem

XML: Final = "xml"
JSON: Final = "json"
MEDIA_TYPES: Final = {XML: "text/xml; charset=utf-8", JSON: "application/json"}
_CHILDREN: Final = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
}
"""The element of one entry, by the element of the list."""
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Refused(Exception):
    """One or several faults of a request, each with the number that GeoReport v2 gives it: 400, 403 or 404.

    The answer's HTTP status is the first one's.
    """

    def __init__(self, *errors: tuple[int, str], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(errors[0][1])
        self.errors = errors
        self.headers = headers


def form_of(suffix: str) -> str:
    """Return the format of a path's suffix; XML, which is mandatory, for one that we do not speak."""
    return suffix if suffix in MEDIA_TYPES else XML


def answer(form: str, root: str, content: Any, status: int = 200) -> Response:
    """Return what was asked for; `root` is the element around it in XML."""
    if form == JSON:
        return Response(orjson.dumps(content), status, media_type=MEDIA_TYPES[JSON])
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{_element(root, content)}\n'
    return Response(text.encode(), status, headers={"Content-Type": MEDIA_TYPES[XML]})


def errors(form: str, refused: Refused) -> Response:
    """Return a refusal in the format of the request."""
    told = [{"code": code, "description": description} for code, description in refused.errors]
    response = answer(form, "errors", told, refused.errors[0][0])
    response.headers.update(refused.headers or {})
    return response


def from_problem(problem: Problem) -> Refused:
    """Return a problem of ours as GeoReport v2 says it."""
    told = [f"{error.field}: {error.message} ({error.expected})" for error in problem.errors]
    code = 400 if problem.status_code == 422 else problem.status_code
    lines = told or [f"{problem.title}. {problem.detail}"]
    return Refused(*((code, line) for line in lines), headers=problem.headers)


def _element(tag: str, content: Any) -> str:
    if content is None or content in ("", [], {}):
        return f"<{tag}/>"
    return f"<{tag}>{_inside(tag, content)}</{tag}>"


def _inside(tag: str, content: Any) -> str:
    match content:
        case bool():
            return "true" if content else "false"
        case Mapping():
            return "".join(_element(name, value) for name, value in content.items())
        case str():
            return html.escape(_NOT_XML.sub("\ufffd", content), quote=False)
        case Sequence():
            return "".join(_element(_CHILDREN[tag], entry) for entry in content)
        case _:
            return str(content)
