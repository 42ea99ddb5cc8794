"""What schemathesis cannot know by itself: whom to call, and what else a body that fits the document may be answered."""

import itertools
import os

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

# Each call goes to an activation whose stage allows it: only then its fields are looked at.
ACTIVATIONS = {
    "getActivation": "LANDFALL_AT_CHOICE",
    "askForCode": "LANDFALL_AT_CHOICE",
    "checkCode": "LANDFALL_AT_CHOICE",
    "register": "LANDFALL_AT_CHOICE",
    "bindBillingAccount": "LANDFALL_AT_CHOICE",
    "chooseWorkspace": "LANDFALL_AT_WORKSPACES",
    "refreshWorkspaces": "LANDFALL_AT_WORKSPACES",
    "confirm": "LANDFALL_BOUND",
}

# A code is owed or not, a workspace is listed or not, a password is needed or not: that depends on the activation.
DEPENDS_ON_THE_ACTIVATION = {
    ("code", "required"),
    ("create.owner.code", "required"),
    ("bind.workspace_id", "unknown"),
    ("bind.workspace_id", "not-bindable"),
}

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sends a call to an activation, under a key that was not used before, unless it is to be wrong in just that."""
    name = case.operation.definition.raw.get("operationId")
    is_wrong = case.meta.is_negative_at if case.meta else lambda place: False
    if name in ACTIVATIONS and not is_wrong(ParameterLocation.PATH):
        case.path_parameters["id"] = os.environ[ACTIVATIONS[name]]
    if "Idempotency-Key" in (case.headers or {}) and not is_wrong(ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = f"openapi-{next(numbers)}"
    # Signing out ends a session of its own, not the one that every other call comes with.
    if name == "signOut" and (case.cookies or {}).get("landfall_session"):
        case.cookies["landfall_session"] = os.environ["LANDFALL_LEAVING"]


@schemathesis.check
def what_fits_the_document_is_taken(context, response, case):
    """A body that fits its schema can be read, and no field of it is refused."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return
    problem = response.json()
    assert response.status_code not in (400, 415), f"a body that fits cannot be read: {problem['detail']}"
    errors = {(error["field"], error["code"]) for error in problem.get("errors", [])}
    refused = errors - DEPENDS_ON_THE_ACTIVATION
    assert not refused, f"fields that fit are refused: {sorted(refused)}"
