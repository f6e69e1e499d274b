"""Where the emulator or the client differ from a published description on purpose: reviewed, each with its reason.

A line forgives findings of operations whose text fits `operation`, at `where` (`request` or a status), whose message
fits `message` (all regular expressions). Numbers in brackets are lines of the table of contradictions in the contract's
facts, section 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.contract.descriptions import Finding


@dataclass(frozen=True)
class Deviation:
    """One documented contradiction."""

    operation: str
    where: str
    message: str
    reason: str

    def forgives(self, finding: Finding) -> bool:
        """Return whether this line is about a finding."""
        return (
            re.search(self.operation, str(finding.operation)) is not None
            and re.fullmatch(self.where, finding.where) is not None
            and re.search(self.message, finding.message) is not None
        )


FLOW = r"\((flow-service|destinations)\)"
UNDOCUMENTED = "the status is not documented"
FLOW = r"\((flow-service|destinations)\)"
PREP, XDM, UPS = r"\(data-prep\)", r"\(schema-registry\)", r"\(segmentation\)"
STATUS = "the status is not documented"
DEVIATIONS = [
    # -- statuses ----------------------------------------------------------------------------------------------------
    Deviation(r".", "401", STATUS, "the gateway, before any service (1.3)"),
    Deviation(FLOW, "400|404|412|422", STATUS, "the error catalogue has them, the descriptions list few (1.6)"),
    Deviation(r"PATCH /flows", "202", STATUS, "activation tutorials; a switch of the emulator [5]"),
    Deviation(r"DELETE .*\(flow-service\)", "202", STATUS, "destinations.yaml; a switch of the emulator [2]"),
    Deviation(PREP, "404|405", STATUS, "the description knows no absent mapping set [30]"),
    Deviation(r"POST .*\(dataset-service\)", "404", STATUS, "a dataset that is not there; listed for GET and PUT"),
    Deviation(rf"mixins.*{XDM}", "400", STATUS, "listed for fieldgroups, which are the same (6.1)"),
    Deviation(XDM, "403|404", STATUS, "listed for some operations, missing for the rest (6.3)"),
    Deviation(rf"DELETE .*{XDM}", "400", STATUS, "a resource in use; which status is not stated (6.3)"),
    Deviation(rf"PUT /tenant/descriptors.*{XDM}", "201", STATUS, "the tutorial; a switch of the emulator [36]"),
    Deviation(UPS, "400|404", STATUS, "listed for some operations, missing for the rest (8)"),
    Deviation(r"POST /audiences .*", "200", STATUS, "the tutorial; a switch of the emulator [38]"),
    Deviation(r"(DELETE|PUT) /dataSets.*\(catalog\)", "404", STATUS, "the description lists none [34]"),
    Deviation(r"PATCH /v2/dataSets.*\(catalog\)", "412", STATUS, "if-match is listed, its failure is not (5.3)"),
    Deviation(r"\(sandbox\)", "404", STATUS, "a sandbox that is not there (1.6: 2100)"),
    # -- requests ----------------------------------------------------------------------------------------------------
    Deviation(
        r"PATCH .*\(flow-service\)", "request", r'/op: .* is not one of "ADD"', "everybody else sends lower case [8]"
    ),
    Deviation(r"PATCH /connections", "request", r"^/: ", "typed as one instruction; an array everywhere else [7]"),
    Deviation(
        r"(POST|GET) /connections.*\(flow-service\)", "request|200", r'auth.*"specName" is a required property',
        "activate-segments-file-based-destinations.md sends an empty auth",
    ),
    Deviation(rf"PATCH .*{FLOW}", "request", r'"value" is a required property', "a remove has no value (RFC 6902) [9]"),
    Deviation(
        rf"PATCH .*{FLOW}", "request", r'/value: .* is not (valid under any|of type "object")',
        "typed as an object or a list; the same file's examples send texts [9]",
    ),
    Deviation(
        r"(GET|POST) /(flows|runs)", "request|200", r'/mappingVersion: \d+ is not of type "string"',
        "an integer in the seeds, a string in flow-service.yaml [19]",
    ),
    Deviation(
        r"(GET|POST) /flows", "request|200", r'/scheduleParams/interval: \d+ is not of type "string"',
        "requests in tutorials send integers, the description says string [19]",
    ),
    Deviation(
        r"(GET|POST) /flows", "request|200", r'/scheduleParams/\w+: "\w+" is not of type "(integer|boolean)"',
        "reads in tutorials are texts [19]",
    ),
    Deviation(r"\(streaming-ingestion\)", "request", ".", "webhooks post what they like, and so do tests (1.7)"),
    Deviation(
        r"POST /(source|target)Connections .*\(flow-service\)", "request", r'"data" is a required property',
        "destinations.yaml asks for none (2.1)",
    ),
    Deviation(r"POST /(flows|\w*[cC]onnections) ", "request", "parameter mode is not", "the tutorial on drafts (2.7)"),
    Deviation(rf"POST /mappingSets {PREP}", "request", "parameter validate is not", "the Python client (4.1)"),
    Deviation(r"GET .*/(explore|configs)", "request", "the query parameter", "the tutorials; destinations.yaml (2.10)"),
    Deviation(r"GET /audiences", "request", "parameter totalCount is not", "the next links in its own examples (8.2)"),
    Deviation(r"PATCH /dataSets", "request", r"^/: \[\{", "JSON Patch, typed as one object, shown as a list (5.3)"),
    Deviation(r"PATCH /audiences", "request", r"/value: \".* is not of type", "typed as an expression (8.2)"),
    # -- answers -----------------------------------------------------------------------------------------------------
    Deviation(
        PREP, "200|request", r'/(createdDate|modifiedDate): \d+ is not of type "string"',
        "typed as date-time; every example is ms (4.1)",
    ),
    Deviation(
        PREP, "200|request", r'/sourceType: "text/x?\S+" is not one of', "media types on read in every example [28]"
    ),
    Deviation(r"GET /connections/.*/configs", "200", r"^/: \{", "typed as a list, its example is none"),
    Deviation(r"GET /mappingSets/.*/mappings ", "200", r"^/: \[", "typed as one object; it is a list (4.2)"),
    Deviation(r"POST /mappingSets/validate", "200", "/errors: null is not", "typed as a list; its example has null"),
    Deviation(r"POST /mappingSets/preview", "200|request", r"^/(data)?: ", "one object or a list of them [31]"),
    Deviation(r"(GET|POST) /flowSpecs", "200", r"/transformationSpecs: \[", "an object here, a list elsewhere (2.11)"),
    Deviation(
        r" /audiences", "20[01]", r"^/(children/\d+)?: \{", "namespaces outside the list, as in its own examples (8.2)"
    ),
    Deviation(r"GET /segment/definitions ", "200", "is a required property", "typed as one definition [39]"),
    Deviation(r"POST /languages/el/validate", "200", r"^/: \{", "the tutorial; a switch of the emulator [31]"),
    Deviation(XDM, "200", r"/(_links|_page)/next: (null|\{)", "typed as text; the same file's examples differ"),
    Deviation(
        XDM, "200|201|request", r'/xdm:sourceVersion: 1 is not of type "string"', "typed as text; its examples have 1"
    ),
    Deviation(
        rf"GET .*descriptors {XDM}", "200", r'/xdm:\w+/\d+: ".*" is not of type', "the short forms of Accept (6.2)"
    ),
    Deviation(rf"PATCH .*{XDM}", "request", r"/value: [\[{].* is not of type", "typed as text; values are JSON (6.3)"),
]  # fmt: skip
"""Keep it short, and true: a line that forgives more than its reason says hides a defect."""
