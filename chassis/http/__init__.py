"""HTTP for a service: authentication, errors, conditional writes, health, and the server.

metrics = Metrics()
app = create_app(settings, "intake", "Takes cases in.", readiness=ready, lifespan=lifespan, metrics=metrics,
                 telemetry=telemetry, body_limits={"/v1/cases/batch": 64 * 1024 * 1024})

@app.get("/v1/units/{code}")                            # comfortable: FastAPI solves it
async def unit(code: str, principal: Annotated[Principal, allow(Role.HANDLER, Role.SUPERVISOR)]) -> Unit:
    if code not in known:
        raise Problem(404, "unknown_unit", "No such unit", f"There is no unit {code}; see /v1/units.")
    ...

@app.get("/v1/track/{tracking_code}")                   # open to anyone, and says so
@public
async def track(tracking_code: str) -> Tracking: ...

async def submit(request: Request, principal: Principal) -> Response:          # hot: plain Starlette
    body = await request.body()
    command = read_json(SubmitCase, body)               # 400 or 422 naming the fields
    key = idempotency_key(request.headers.get("idempotency-key"))
    seen = request_hash(request.method, request.url.path, body)
    expected = expected_versions(request.headers.get("if-match"))               # None: any
    ...
    return Response(orjson.dumps(answer), 201, {"ETag": etag(version)}, "application/json")

add_hot_route(app, HotRoute("/v1/cases", "POST", "Submit a case", roles=[Role.OPERATOR, Role.RESIDENT],
                            request=SubmitCase, response=Accepted, status=201), submit)

serve(app, settings)                                    # refuses to start if a route declares nobody
"""

from chassis.http.access import ANYONE_LOGGED_IN, allow, authenticator, protect, public, seal
from chassis.http.app import Server, create_app, serve
from chassis.http.auth import Authenticator, Principal, Role, forbidden, require
from chassis.http.conditional import check_version, etag, expected_versions, idempotency_key, request_hash
from chassis.http.hot import HotRoute, add_hot_route
from chassis.http.problems import FieldError, Problem, ProblemDocument, read_json, validation_problem
from chassis.http.sse import ServerSentEvent, event_stream

__all__ = [
    "ANYONE_LOGGED_IN",
    "Authenticator",
    "FieldError",
    "HotRoute",
    "Principal",
    "Problem",
    "ProblemDocument",
    "Role",
    "Server",
    "ServerSentEvent",
    "add_hot_route",
    "allow",
    "authenticator",
    "check_version",
    "create_app",
    "etag",
    "event_stream",
    "expected_versions",
    "forbidden",
    "idempotency_key",
    "protect",
    "public",
    "read_json",
    "request_hash",
    "require",
    "seal",
    "serve",
    "validation_problem",
]
