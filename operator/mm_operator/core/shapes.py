"""Kubernetes' own shapes as far as a wrong one would break every pod: a name, a label, a quantity.

The API server is the judge of the rest; what is checked here is what people get wrong in values files.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

LABEL_VALUE: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$"
LABEL_KEY: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"
QUANTITY: Final = r"^[0-9]{1,15}([.][0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

NAME: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$"

Name = Annotated[str, Field(pattern=NAME)]
"""Name of an object, or nothing."""
_Key = Annotated[str, Field(pattern=LABEL_KEY)]
Labels = dict[_Key, Annotated[str, Field(pattern=LABEL_VALUE)]]
"""Labels, or a selector of labels."""
Annotations = dict[_Key, str]
Part = dict[str, Any]
"""Part of a pod that only the API server reads."""
Quantity = Annotated[str, Field(pattern=QUANTITY)] | Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0)]
Resources = dict[Literal["requests", "limits"], dict[_Key, Quantity]]


def _texts(*required: str, optional: tuple[str, ...] = ()) -> Any:
    """Return an object's type: these fields are texts, the required ones are there and not empty, others are free."""

    def check(value: Part) -> Part:
        for name in required:
            if not isinstance(value.get(name), str) or not value[name]:
                raise ValueError(f"{name} is missing: give a text")
        for name in optional:
            if not isinstance(value.get(name, ""), str):
                raise ValueError(f"{name} is {value[name]!r}: quote it, it must be a text")
        return value

    properties = {name: {"type": "string", "minLength": 1} for name in required}
    properties |= {name: {"type": "string"} for name in optional}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Annotated[dict[str, Any], AfterValidator(check), WithJsonSchema(schema)]


EnvVar = _texts("name", optional=("value",))
EnvFrom = dict[Literal["prefix", "configMapRef", "secretRef"], Any]
Volume = _texts("name")
Mount = _texts("name", "mountPath", optional=("subPath",))
SecretName = _texts("name")
