"""The rules of the prose linter, one row each. CONTRIBUTING.md, section Style, explains the language they guard.

Patterns see text with single spaces; `START` matches the beginning of a sentence, paragraph, list item or cell.
"""

# ruff: noqa: E501 (a pattern is easier to read on one line)
from __future__ import annotations

import re
from dataclasses import dataclass

from tests.prose.extract import Kind

EVERYWHERE: tuple[Kind, ...] = ("page", "docstring", "message", "comment")
READER: tuple[Kind, ...] = ("page", "message")
_NOUNS = (
    "addresses|attributes|audiences|calls|changes|checks|conflicts|connections|connectors|dataflows|datasets|days|dependents"
    "|documents|entries|environments|errors|events|fields|files|findings|flows|folders|hours|items|keys|lines|manifests"
    "|mappings|minutes|objects|policies|problems|records|replacements|requests|resources|rows|runs|schemas|seconds|secrets"
    "|states|steps|times|updates|values|variables|warnings"
)
_CLAUSE = (  # a relative clause with the verb of the main clause after it
    r"(?:(?!what|who|which|that)[\w`'-]+ ){1,5}(?:is|are|was|were|cannot|must|stays|comes|goes)\b(?= \w)(?![^.!?\n]*\?)"
)


@dataclass(frozen=True)
class Rule:
    """A pattern that is not used, and the wording to use instead.

    Attributes:
        name: Key of the rule in findings and in the baseline.
        pattern: Regular expression; case is ignored unless it begins with `(?-i:`.
        advice: Replacement or reason, printed after the phrase.
        bad: Sentences with exactly one finding each.
        good: Sentences without a finding; each is the corrected form of a bad one or a near miss.
        kinds: Prose the rule reads.
    """

    name: str
    pattern: str
    advice: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    kinds: tuple[Kind, ...] = EVERYWHERE

    def compiled(self) -> re.Pattern[str]:
        """Return the compiled pattern, to search squeezed text with."""
        return re.compile(self.pattern.replace("START", r"(?:\A|\n|[.!?][)\"']? ) ?"), re.IGNORECASE)


RULES = (
    Rule(
        "is-no",
        r"(?<!there )\b(?:is|are|was|were|be) no\b(?! (?:longer|more|less|later|earlier|better|worse|different|need)\b)(?= [\w`'{])",
        "write 'is not a …', or name the fault: 'invalid …'",
        ("'Orders MySQL' is no name", "the answer is no JSON", "what it holds are no texts"),
        (
            "invalid name 'Orders MySQL'",
            "it is no longer used",
            "there is no state here",
            "Is it there? The answer is no.",
        ),
    ),
    Rule(
        "stand",
        r"\b(?:stands?|stood|standing)\b(?! (?:for|alone|by|in for|out)\b)(?!-)",
        "write 'is', 'is defined', 'is stored', 'appears'",
        ("audiences stand in YAML", "the key 'state' stands here twice", "as it stood in the file"),
        ("audiences are defined in YAML", "`…` stands for output left out", "a stand-in for the platform"),
    ),
    Rule(
        "what-start",
        r"START(?:what|who|whatever|whoever) (?!'s new)(?=[\w`'{])(?![^.!?\n]*\?)",
        "begin with the subject: a noun, or a verb in a docstring",
        ("What the document is about.", "Done. Who meets a lock is told.", "What differs is a variable"),
        (
            "The subject of the document.",
            "What is a lineage?",
            "It shows what is missing.",
            "what",
            "Show what changed.",
        ),
    ),
    Rule(
        "what-subject",
        rf"; (?:what|who) {_CLAUSE}|(?:: |, (?:and |but )?)(?:what|who) {_CLAUSE}(?! \w+(?: by| for| to| of \w+)?[,.;:)])",
        "use a noun as the subject: 'a field that differs is …'",
        ("Leases are counted: who was overtaken is refused", "tokens are kept, and what is too old is dropped"),
        (
            "a run that lost its lock cannot write",
            "it prints what is missing",
            "three parts: what changed, why and where",
            "equal values, what a user is shown of them.",
        ),
    ),
    Rule(
        "whoever",
        r"(?<!\n)(?<=\S) \bwhoever\b",
        "name the person or program: 'the next caller', 'its dependents'",
        ("it says so to whoever reads it", "what leaves, whoever still uses it"),
        ("it tells the reader", "its dependents are selected too"),
    ),
    Rule(
        "nobody",
        r"\bnobody(?:'s)?\b",
        "make the object the subject: 'is not used', 'no run has …'",
        ("Nobody starts with an empty sandbox.", "an object nobody knows"),
        ("Few sandboxes are empty.", "an unknown object"),
    ),
    Rule(
        "somebody",
        r"\b(?:somebody|someone)(?:'s)?\b",
        "name the actor: 'a user', 'another run', 'in the UI'",
        ("when somebody clicked", "someone else's plan"),
        ("when it was changed in the UI", "a plan of another user"),
    ),
    Rule(
        "so-many",
        r"START(?:only |at most )?so (?:many|long|much|often)\b|\b(?:after|for|at most|every|only|wait) so (?:many|long|much|often)\b(?! (?:as|that))",
        "name the quantity and its unit: 'after this many seconds', 'number of recent runs'",
        ("So many last runs of each", "Stop in good time after so long"),
        ("Number of recent runs per dataflow", "Stop after this many seconds", "it has so many files that it is slow"),
    ),
    Rule(
        "inversion",
        r"START(?:of (?:what|those|whom|these|them|that which)\b|not (?:as|so|until)\b|nor\b|only (?:when|if|then|where|after) [^.\n]{3,80}?,? (?:is|are|does|do|can|must|will) (?:it|they|the|a|an)\b)",
        "put the subject first",
        (
            "Of what leaves, its users leave too",
            "Not as it should be: X",
            "Only when it is read is it known",
            "Nor does it wait.",
        ),
        (
            "Deleting an object also selects its dependents",
            "Failing: X",
            "Only one run holds the lock",
            "It does not wait.",
        ),
    ),
    Rule(
        "idiom",
        r"\band its kin\b|\bgo(?:es)? along\b|\bin good order\b|\bput (?:it |them )?right\b|\bin passing\b|\bas (?:it|they) should be\b"
        r"|\bhow [^.\n]{1,40} fares?\b|\bof the same house\b|\bby its kin\b|\bagain and again\b|\bmade harder\b|\bthe judge\b",
        "say it literally",
        ("`password` and its kin", "its users go along", "stops in good order", "Show how the dataflows of PATH fare"),
        (
            "`password` and similar keys",
            "its dependents are selected too",
            "stops gracefully",
            "Show the health of the dataflows",
        ),
    ),
    Rule(
        "there-already",
        r"\b(?:is|are|was|were|be|been|what is) (?:already )?there(?: already)\b|\b(?:is|are|was|were) already there\b",
        "write 'already exists'",
        ("an object of this name is there already", "the file was already there"),
        ("an object of this name already exists",),
    ),
    Rule(
        "known-here",
        r"\bknown here\b",
        "write 'supported', 'in the catalog', 'defined in this project'",
        ("the flow spec is not known here",),
        ("the flow spec is not in the catalog",),
    ),
    Rule(
        "believed",
        r"\b(?:is|are|was|were|be) believed\b|\bbelieves? (?:it|them|that|the)\b",
        "write 'is treated as', 'is assumed'",
        ("the object is believed not to exist",),
        ("the object is treated as missing",),
    ),
    Rule(
        "told",
        r"\b(?:is|are|was|were|be|been) told\b(?! (?:apart|from|right)\b)|\btells? (?:people|them|so|it|when|why|what|how|of)\b",
        "name what the tool does: prints, reports, shows, warns, asks",
        ("A run that meets a lock is told the holder.", "`drift` tells when it changed"),
        (
            "The error names the holder of the lock.",
            "`drift` reports the change",
            "tell two objects apart",
            "objects are told apart",
        ),
    ),
    Rule(
        "says",
        r"\b(?:says?|said) (?:so|what|who|with)\b",
        "write 'reports', 'states', 'shows' with an object",
        ("an error that says so", "doctor says what is wrong"),
        ("an error that names the parameter", "doctor reports problems of the setup"),
    ),
    Rule(
        "shall",
        r"\bshall\b",
        "write 'must', or the present tense",
        ("Manifests say what shall be",),
        ("Manifests define the desired objects",),
    ),
    Rule(
        "archaic",
        r"\b(?:anew|lest|whence|thence|hence|thereof|whereof|therein|hitherto|henceforth|ere|ought|aught|naught|whither|thereby|wherein)\b",
        "use the everyday word: again, from which, therefore, so that … not",
        ("the file is written anew", "held, lest it be lost"),
        ("the file is written again", "held so that it is not lost"),
    ),
    Rule(
        "person",
        r"(?-i:\bI (?:am|was|have|do|will|would|think|know)\b)|\b(?:we|we're|we've|let's|our|ours|us)\b(?![-_/])",
        "write about the tool or the reader ('you')",
        ("we send it again", "Let's look at the plan"),
        ("the request is sent again", "Open the plan", "I/O errors", "in us-east-1"),
        READER,
    ),
    Rule(
        "chatty",
        r"\b(?:please|sorry|oops|obviously|of course|simply|hopefully|basically|actually|nicely|happily|by the way|don't worry)\b|(?<=[a-z])!(?= |\n|\Z)",
        "leave it out",
        ("Please set AEP_ORG_ID", "Simply run apply", "All done!"),
        ("Set AEP_ORG_ID", "Run apply", "a != b"),
        READER,
    ),
    Rule(
        "one-plural",
        rf"(?<![\w.,:/+-])1 (?:[a-z-]+ )?(?:{_NOUNS})\b|(?<![\w.,:/+-])1 of the (?:[a-z-]+ )?(?:{_NOUNS}) (?:are|were|have|differ)\b",
        "use the singular after 1",
        ("1 objects", "1 of the managed objects are not as they were applied", "Plan: 1 new documents"),
        ("1 object", "1 of the managed objects has drifted", "11 objects", "every 0.1 seconds"),
    ),
    Rule(
        "count-plural",
        rf"(?<!than )(?<!to )\{{_*\}}(?: (?!for|of|in|per|from|with|these|the)[a-z]+)? (?:{_NOUNS})\b(?!['’])",
        "a count of 1 needs the singular: use the helper for plurals",
        ("{len(objects)} objects", "{count} new documents"),
        ("{plural(count, 'object')}", "{name} of the objects", "more than {limit} objects"),
        ("message",),
    ),
    Rule(
        "api-facts",
        r"\bapi-facts\b",
        "name the published API document",
        ("patched as drafts only (api-facts 2)",),
        ("patched as drafts only (flow-service.yaml)",),
    ),
    Rule(
        "set-aside",
        r"\bset aside\b",
        "write 'disabled', 'retained', 'ignored'",
        ("the old flow is set aside",),
        ("the old flow is disabled",),
    ),
    Rule(
        "twice",
        r"\b(?:here|there) twice\b",
        "write 'duplicate …'",
        ("the key 'state' is here twice",),
        ("duplicate key 'state'",),
    ),
    Rule(
        "article",
        r"(?-i:\b[Aa]n (?=[bcdfgjklmnpqrtvwyz][a-z]{2,})|\b[Aa] (?=[ai][a-z]{2,}|e[a-tv-z][a-z]+|o(?!ne\b|nce\b)[a-z]{2,}))",
        "'a' before a consonant sound, 'an' before a vowel sound",
        ("a object", "an dataflow"),
        ("an object", "a dataflow", "a one-line summary", "a European region", "an RFC 6901 pointer"),
    ),
    Rule(
        "doubled",
        r"\b(?!that\b|had\b)([a-z]{2,}+) \1\b(?![-.])",
        "delete one of the two",
        ("the the plan", "it is is read"),
        ("the plan", "note that that plan is saved"),
    ),
    Rule(
        "uncountable",
        r"\b(?:informations|advices|softwares|datas|metadatas|evidences|feedbacks)\b",
        "no plural: 'information', 'data'",
        ("more informations",),
        ("more information",),
    ),
)

# Texts of the platform that the emulator repeats word for word.
QUOTED = ("Please provide a valid spec",)
