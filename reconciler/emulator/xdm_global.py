"""The few XDM resources of Adobe that the emulator holds (schema-registry.yaml)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_NS = "https://ns.adobe.com/xdm"


def _object(**fields: Any) -> Json:
    return {"type": "object", "properties": dict(fields)}


def _text(title: str) -> Json:
    return {"title": title, "type": "string"}


def _reference(path: str, title: str) -> Json:
    return {"title": title, "$ref": f"{_NS}/{path}", "type": "object"}


def _resource(path: str, sort: str, title: str, fields: Json, **more: Any) -> Json:
    ident = f"{_NS}/{path}"
    return {
        "$id": ident,
        "meta:altId": "_xdm." + path.replace("/", "."),
        "meta:resourceType": sort,
        "version": "1",
        "title": title,
        "type": "object",
        "definitions": {"fields": _object(**fields)},
        "allOf": [{"$ref": "#/definitions/fields"}],
        "meta:containerId": "global",
        "meta:tenantNamespace": "_xdm",
        "meta:xdmType": "object",
        **more,
    }


_PROFILE = f"{_NS}/context/profile"
_IDENTITY = {
    "title": "Identities",
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": _object(id=_text("Identifier"), authenticatedState=_text("State"), primary={"type": "boolean"}),
    },
}
_AUDIT = {
    "createdByBatchID": _text("Created by batch"),
    "modifiedByBatchID": _text("Modified by batch"),
    "repositoryCreatedBy": _text("Created by"),
    "repositoryLastModifiedBy": _text("Modified by"),
}

_ALL = [
    _resource("data/record", "behaviors", "Record Schema", {"_id": _text("Identifier")}),
    _resource(
        "data/time-series", "behaviors", "Time-series Schema",
        {"_id": _text("Identifier"), "timestamp": {"title": "Timestamp", "type": "string", "format": "date-time"}},
    ),
    _resource("data/adhoc", "behaviors", "Ad Hoc Schema", {}),
    _resource(
        "context/profile", "classes", "XDM Individual Profile", {"_id": _text("Identifier"), **_AUDIT},
        **{"meta:extends": [f"{_NS}/data/record"], "meta:class": _PROFILE},
    ),
    _resource(
        "context/experienceevent", "classes", "XDM ExperienceEvent",
        {
            "_id": _text("Identifier"), "eventType": _text("Event type"), "producedBy": _text("Produced by"),
            "timestamp": {"title": "Timestamp", "type": "string", "format": "date-time"}, "identityMap": _IDENTITY,
        },
        **{"meta:extends": [f"{_NS}/data/time-series"], "meta:class": f"{_NS}/context/experienceevent"},
    ),
    _resource(
        "context/profile-person-details", "fieldgroups", "Demographic Details",
        {"person": _reference("context/person", "Person")}, **{"meta:intendedToExtend": [_PROFILE]},
    ),
    _resource(
        "context/profile-personal-details", "fieldgroups", "Personal Contact Details",
        {
            "personalEmail": _reference("context/emailaddress", "Personal email"),
            "homeAddress": _reference("common/address", "Home address"),
            "homePhone": _reference("context/phonenumber", "Home phone"),
            "mobilePhone": _reference("context/phonenumber", "Mobile phone"),
        },
        **{"meta:intendedToExtend": [_PROFILE]},
    ),
    _resource(
        "context/profile-work-details", "fieldgroups", "Work Contact Details",
        {
            "workEmail": _reference("context/emailaddress", "Work email"),
            "workAddress": _reference("common/address", "Work address"),
            "workPhone": _reference("context/phonenumber", "Work phone"),
        },
        **{"meta:intendedToExtend": [_PROFILE]},
    ),
    _resource(
        "context/identitymap", "fieldgroups", "IdentityMap", {"identityMap": _IDENTITY},
        **{"meta:intendedToExtend": [_PROFILE, f"{_NS}/context/experienceevent"]},
    ),
    _resource(
        "context/profile-test-profile", "fieldgroups", "Profile test details", {"testProfile": {"type": "boolean"}},
        **{"meta:intendedToExtend": [_PROFILE]},
    ),
    _resource(
        "context/person", "datatypes", "Person",
        {
            "name": _reference("context/person-name", "Full name"), "birthDate": {"type": "string", "format": "date"},
            "birthYear": {"type": "integer"}, "gender": _text("Gender"), "nationality": _text("Nationality"),
        },
    ),
    _resource(
        "context/person-name", "datatypes", "Person name",
        {name: _text(name) for name in ("firstName", "middleName", "lastName", "fullName", "courtesyTitle", "suffix")},
    ),
    _resource(
        "context/emailaddress", "datatypes", "Email address",
        {"address": _text("Address"), "type": _text("Type"), "status": _text("Status"), "primary": {"type": "boolean"}},
    ),
    _resource(
        "context/phonenumber", "datatypes", "Phone number",
        {"number": _text("Number"), "extension": _text("Extension"), "status": _text("Status"),
         "primary": {"type": "boolean"}},
    ),
    _resource(
        "common/address", "datatypes", "Postal address",
        {name: _text(name) for name in ("street1", "street2", "city", "postalCode", "state", "country", "countryCode")},
    ),
]  # fmt: skip
GLOBAL: dict[str, Json] = {item["$id"]: item for item in _ALL}
"""By `$id`."""
