"""/openapi.json: FastAPI's, with problem documents as the error answers, the roles, and the hot routes."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, JsonSchemaValue, models_json_schema

from chassis.http.access import declared_roles
from chassis.http.auth import Role
from chassis.http.hot import HotRoute
from chassis.http.problems import MEDIA_TYPE, ProblemDocument

_REF = "#/components/schemas/{model}"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDocument")}}}
_REPLACED = ("HTTPValidationError", "ValidationError")  # FastAPI's own error shape, which we never send
References = Mapping[Any, JsonSchemaValue]  # by (model, mode)
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the app, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _document(app, app.state.hot_routes)
    return app.openapi_schema


def _document(app: FastAPI, hot: list[HotRoute]) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    components.setdefault("securitySchemes", {}).setdefault("bearer", _BEARER)
    references, definitions = _schemas(hot)
    schemas |= definitions
    paths = made.setdefault("paths", {})
    for route in hot:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    _add_roles(app, paths)
    for operations in paths.values():
        for operation in operations.values():
            _use_problems(operation)
    return made


def _schemas(hot: list[HotRoute]) -> tuple[References, dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDocument, "serialization")]
    wanted += [(route.request, "validation") for route in hot if route.request]
    wanted += [(route.response, "serialization") for route in hot if route.response]
    references, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    return references, definitions["$defs"]


def _operation(route: HotRoute, references: References) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if route.response:
        answer["content"] = {"application/json": {"schema": references[route.response, "serialization"]}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").rstrip("_"),
        "tags": list(route.tags),
        "parameters": list(route.parameters),
        "security": [{"bearer": []}],
        "responses": {str(route.status): answer},
    }
    if route.request:
        content = {route.request_media_type: {"schema": references[route.request, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation | _roles(frozenset(route.roles))


def _add_roles(app: FastAPI, paths: dict[str, Any]) -> None:
    for route in iter_route_contexts(app.routes):
        roles = declared_roles(route)
        for method in route.methods or ():
            operation = paths.get(route.path or "", {}).get(method.lower())
            if operation is not None and roles:
                operation |= _roles(roles)


def _roles(roles: frozenset[Role]) -> dict[str, Any]:
    return {"x-roles": sorted(roles)}


def _use_problems(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    responses["default"] = {"description": "A problem (RFC 9457); `code` says which.", "content": _PROBLEM}
