"""Adobe's Data Prep language: parse, print, check and evaluate expressions, and apply mappings to records.

The package imports nothing else of this project. It follows the published Data Prep documents; where they are silent,
docs/dataprep.md says how it reads them.
"""

from reconciler.dataprep.checker import Problem, Reference, check, infer, references
from reconciler.dataprep.compiler import Expression, compile_expression
from reconciler.dataprep.errors import (
    CompileError,
    DataPrepError,
    EvaluationError,
    ExpressionSyntaxError,
    MappingError,
    NotSupportedLocallyError,
    Place,
    ReadError,
    place_at,
    with_caret,
)
from reconciler.dataprep.lexer import LONGEST, RESERVED
from reconciler.dataprep.mapping import CompiledMapping, Outcome, Row, Warning, compile_mapping, row_of  # noqa: A004
from reconciler.dataprep.parser import parse
from reconciler.dataprep.paths import AttributePath, parse_steps, steps_text
from reconciler.dataprep.printer import to_text
from reconciler.dataprep.readers import FORMATS, records_of
from reconciler.dataprep.table import FUNCTIONS, Context, Function
from reconciler.dataprep.values import Record, Value, date_text, to_json
from reconciler.dataprep.xdm import Schema, field_at, kind_of_field, required_paths

__all__ = [
    "FORMATS", "FUNCTIONS", "LONGEST", "RESERVED", "AttributePath", "CompileError", "CompiledMapping", "Context",
    "DataPrepError", "EvaluationError", "Expression", "ExpressionSyntaxError", "Function", "MappingError",
    "NotSupportedLocallyError", "Outcome", "Place", "Problem", "ReadError", "Record", "Reference", "Row", "Schema",
    "Value", "Warning", "check", "compile_expression", "compile_mapping", "date_text", "field_at", "infer",
    "kind_of_field", "parse", "parse_steps", "place_at", "records_of", "references", "required_paths", "row_of",
    "steps_text", "to_json", "to_text", "with_caret",
]  # fmt: skip
