"""Keycloak's realm: its tokens hold what chassis/http/auth.py reads, and nobody can make a role or unit up."""

import json
from typing import Any

import pytest

from chassis.http.auth import ALGORITHMS, Role
from chassis.settings import Settings
from reference.load import load
from services.cli.local import GULOU
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, compose, placeholders, read_env
from tools.deploy_secrets import demanded

REALM: dict[str, Any] = json.loads((DEPLOY / "keycloak" / "realm.json").read_text(encoding="utf-8"))
IDENTITY = read_env(DEPLOY / "identity.env")
SERVICES = compose(placeholders(demanded(COMPOSE_FILE)) | IDENTITY)["services"]
PROFILE = json.loads(
    REALM["components"]["org.keycloak.userprofile.UserProfileProvider"][0]["config"][
        "kc.user.profile.config"
    ][0]
)


@pytest.mark.parametrize("client", REALM["clients"], ids=lambda client: str(client["clientId"]))
def test_every_client_puts_the_claims_into_the_access_token(client: dict[str, Any]) -> None:
    mappers = {mapper["protocolMapper"]: mapper["config"] for mapper in client["protocolMappers"]}
    assert all(config["access.token.claim"] == "true" for config in mappers.values())
    roles = mappers["oidc-usermodel-realm-role-mapper"]
    assert (roles["claim.name"], roles["multivalued"]) == ("roles", "true")
    assert "usermodel.realmRoleMapping.rolePrefix" not in roles
    unit = mappers["oidc-usermodel-attribute-mapper"]
    assert (unit["claim.name"], unit["user.attribute"], unit["multivalued"]) == ("unit", "unit", "false")
    audience = SERVICES["intake"]["environment"]["CASELADDER_AUDIENCE"]
    assert mappers["oidc-audience-mapper"]["included.custom.audience"] == audience
    assert "oidc-sub-mapper" in mappers


def test_tokens_are_signed_as_the_services_accept_and_short_lived() -> None:
    assert REALM["defaultSignatureAlgorithm"] in ALGORITHMS
    assert REALM["accessTokenLifespan"] <= 600


def test_the_signing_key_is_there_before_anybody_logs_in() -> None:
    """Keycloak makes a missing one at the first log-in; services that read the keys before refuse for a minute."""
    keys = {key["providerId"]: key["config"] for key in REALM["components"]["org.keycloak.keys.KeyProvider"]}
    assert REALM["defaultSignatureAlgorithm"] == "ES256"
    assert keys["ecdsa-generated"]["ecdsaEllipticCurveKey"] == ["P-256"]
    assert set(keys) == {"ecdsa-generated", "hmac-generated", "aes-generated"}  # and those of its sessions


def test_the_realm_has_the_roles_that_the_services_know() -> None:
    assert {role["name"] for role in REALM["roles"]["realm"]} == {role.value for role in Role}


def test_each_staff_role_has_a_demo_user_in_a_unit_that_exists() -> None:
    units = load(GULOU).units
    users = [user for user in REALM["users"] if "serviceAccountClientId" not in user]
    assert {role for user in users for role in user["realmRoles"]} == {
        "operator", "handler", "mediator", "petition_officer", "supervisor", "ops"
    }  # fmt: skip
    assert all(user["attributes"]["unit"][0] in units for user in users)


def test_no_password_stands_in_the_file() -> None:
    values = [credential["value"] for user in REALM["users"] for credential in user.get("credentials", ())]
    assert set(values) == {"${DEMO_USER_PASSWORD}"}
    assert SERVICES["keycloak"]["environment"]["DEMO_USER_PASSWORD"] == "value-of-DEMO_USER_PASSWORD"
    secrets = {client["clientId"]: client["secret"] for client in REALM["clients"] if "secret" in client}
    assert secrets == {"caseladder-notify": "${NOTIFY_CLIENT_SECRET}"}
    assert SERVICES["keycloak"]["environment"]["NOTIFY_CLIENT_SECRET"] == "value-of-NOTIFY_CLIENT_SECRET"


def test_only_the_notify_service_is_a_notifier_and_it_gets_its_token_where_tokens_come_from() -> None:
    """R-PRIV-01: no person may read how residents are reached in batches."""
    (service,) = [user for user in REALM["users"] if "notifier" in user["realmRoles"]]
    assert service["serviceAccountClientId"] == SERVICES["notify"]["environment"]["CASELADDER_CLIENT_ID"]
    (client,) = [client for client in REALM["clients"] if client["serviceAccountsEnabled"]]
    assert client["clientId"] == service["serviceAccountClientId"]
    assert client["publicClient"] is False
    token_url = SERVICES["notify"]["environment"]["CASELADDER_TOKEN_URL"]
    assert token_url.startswith(IDENTITY["CASELADDER_JWKS"].removesuffix("/certs"))


def test_only_an_administrator_sets_a_unit() -> None:
    """Whoever could write the own unit could act for any: the claim is taken from it."""
    attributes = {attribute["name"]: attribute for attribute in PROFILE["attributes"]}
    assert attributes["unit"]["permissions"]["edit"] == ["admin"]
    assert "unmanagedAttributePolicy" not in PROFILE  # what is not listed cannot be written
    assert REALM["registrationAllowed"] is False


def test_no_address_without_tls() -> None:
    assert REALM["sslRequired"] == "all"
    assert SERVICES["keycloak"]["environment"]["KC_HTTP_ENABLED"] == "false"


def test_the_services_expect_the_issuer_that_keycloak_writes_and_may_fetch_its_keys() -> None:
    environment = SERVICES["router"]["environment"]
    issuer = f"{SERVICES['keycloak']['environment']['KC_HOSTNAME']}/realms/{REALM['realm']}"
    assert environment["CASELADDER_ISSUER"] == issuer
    given = environment | {"CASELADDER_REFERENCE": str(GULOU), "CASELADDER_TRANSPORT": "embedded"}
    settings = Settings.from_environment("router", given)  # refuses an address without TLS
    assert settings.jwks == f"https://keycloak:8443/realms/{REALM['realm']}/protocol/openid-connect/certs"
