"""/docs: Swagger UI, all of its files from the service itself: it works where browsers have no Internet."""

from html import escape
from importlib.resources import files
from typing import Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from chassis.http.access import public

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load and where it may send: nothing but this service. So its script is a file of its own."""
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null
});
"""


def add_docs(app: FastAPI) -> None:
    """Add the page and the files it names. All paths in it are relative, for a proxy that puts one before them."""

    @app.get("/docs", include_in_schema=False)
    @public
    async def page() -> HTMLResponse:
        content = _PAGE.format(title=escape(app.title))
        return HTMLResponse(content, headers={"Content-Security-Policy": POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    @public
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    assets = str(files("fastapi_offline") / "static")
    app.mount("/docs", public(StaticFiles(directory=assets)))
