"""The messages of the embedded run, which stayed here: over the API, and on a plain page. Role ops.

They hold tracking codes, which open cases, also those that complain of a unit: only where the catch-all is switched
on are these routes there at all, and not for the ops of a unit below the district (R-LAD-04).
"""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse

from chassis.http import Principal, Role, allow, public
from services.notify.api.inbox import View
from services.notify.api.office import Office

MOST: Final = 200
_TAG: Final = "caught"
_CAUGHT: Final = (
    "SELECT item, message_id, at, channel, case_id, recipient, subject, text FROM notify.caught"
    " WHERE item > $1 AND ($2::uuid IS NULL OR case_id = $2) ORDER BY item LIMIT $3"
)
_NEWEST: Final = (
    "SELECT item, message_id, at, channel, case_id, recipient, subject, text FROM notify.caught"
    " WHERE ($1::uuid IS NULL OR case_id = $1) ORDER BY item DESC LIMIT $2"
)
_NAMES: Final = ("item", "id", "at", "channel", "case_id", "recipient", "subject", "text")


class CaughtView(View):
    """One message as it would have gone out."""

    item: int
    id: UUID
    at: datetime
    channel: str
    case_id: UUID
    recipient: str
    subject: str
    text: str


class AllCaughtView(View):
    """Oldest first with `after`, else the newest first."""

    messages: tuple[CaughtView, ...]


def add_caught_routes(app: FastAPI, office: Office) -> None:
    """Add the page and the list."""

    @app.get("/v1/caught", tags=[_TAG], summary="Messages that stayed here")
    async def caught(
        principal: Annotated[Principal, allow(Role.OPS)],
        case_id: UUID | None = None,
        after: Annotated[int | None, Query(ge=0, description="`item` of the last one you have")] = None,
    ) -> AllCaughtView:
        if principal.unit is not None:
            office.demand_centre(principal)
        async with office.host.pool.acquire() as connection:
            rows = (
                await connection.fetch(_NEWEST, case_id, MOST)
                if after is None
                else await connection.fetch(_CAUGHT, after, case_id, MOST)
            )
        messages = [CaughtView.model_validate(dict(zip(_NAMES, row, strict=True))) for row in rows]
        return AllCaughtView(messages=tuple(messages))

    @app.get("/caught", tags=[_TAG], summary="The same as a page", response_class=HTMLResponse)
    @public
    async def page() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})


_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
)
_PAGE: Final = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Caught messages 已截留的消息</title>
<style>
 body{font:16px/1.5 sans-serif;margin:1rem auto;max-width:60rem;padding:0 1rem}
 input{font:inherit;width:100%;box-sizing:border-box}
 article{border-top:1px solid #ccc;padding:.5rem 0} small{color:#666}
</style>
<h1>Caught messages 已截留的消息</h1>
<form><label>Token of the role ops (<code>python -m services token --role ops</code>)
<input id="token" type="password" autocomplete="off"></label> <button>Show 查看</button></form>
<p id="said" role="status"></p><main></main>
<script>
const said = document.getElementById("said"), main = document.querySelector("main");
document.querySelector("form").addEventListener("submit", async event => {
  event.preventDefault();
  const headers = {Authorization: "Bearer " + document.getElementById("token").value.trim()};
  const answer = await fetch("/v1/caught" + location.search, {headers});
  const body = await answer.json();
  main.replaceChildren();
  if (!answer.ok) { said.textContent = body.detail; return; }
  said.textContent = body.messages.length + " messages, the newest first";
  for (const one of body.messages) {
    const article = document.createElement("article");
    for (const [tag, text] of [["strong", one.subject], ["p", one.text],
        ["small", [one.at, one.channel, one.recipient, "case " + one.case_id, one.id].join(" · ")]]) {
      const element = document.createElement(tag);
      element.textContent = text;
      article.append(element);
    }
    main.append(article);
  }
});
</script></html>
"""
