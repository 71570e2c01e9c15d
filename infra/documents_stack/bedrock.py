"""The rights to invoke exactly one model on Amazon Bedrock, given by the id or ARN that `Converse` takes.

A model in the stack's own region is one resource. An inference profile spreads requests over several regions: it needs
rights on itself, and on the model in each region through that profile only.
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from status_tracker_cdk.access import allow

_ACTION = ["bedrock:InvokeModel"]  # what Converse asks for
_MODEL = r"[a-z0-9-]+\.[a-zA-Z0-9.:_-]+"
_FOUNDATION_ID = re.compile(_MODEL)
# A system-defined profile begins with a geography, such as us or us-gov; no provider of models has such a name.
_PROFILE_ID = re.compile(rf"([a-z]{{2}}|[a-z]{{2}}-gov|apac|global)\.({_MODEL})")
_ARN = re.compile(r"arn:(aws[a-z-]*):bedrock:([a-z0-9-]+):(\d{12})?:([a-z-]+)/([a-zA-Z0-9.:_-]+)")
_PLAIN_KINDS = ("foundation-model", "provisioned-model")
_GLOBAL = "global"


class ModelError(ValueError):
    """The model cannot be used as given; the message says what is expected."""


@dataclass(frozen=True)
class Model:
    """A model, and the resources that rights on it name.

    Attributes:
        arn: the model or the profile that is invoked.
        underlying: the ARNs of the model behind a profile; empty for a model.
    """

    arn: str
    underlying: tuple[str, ...] = ()

    def statements(self) -> list[iam.PolicyStatement]:
        """The rights that a function's role needs to invoke it."""
        own = allow(_ACTION, self.arn)
        if not self.underlying:
            return [own]
        by_way_of_the_profile = {"StringEquals": {"bedrock:InferenceProfileArn": self.arn}}
        behind = iam.PolicyStatement(actions=_ACTION, resources=list(self.underlying), conditions=by_way_of_the_profile)
        return [own, behind]


def model_of(model_id: str, regions: Sequence[str]) -> Model:
    """The model with that id or ARN; `regions` are those to which an inference profile sends requests.

    Raises:
        ModelError: rights cannot be limited to it, or regions are missing, or given for a model without a profile.
    """
    partition, region, account, resource = _parts(model_id)
    kind, _, name = resource.partition("/")
    arn = f"arn:{partition}:bedrock:{region}:{account}:{resource}"
    if kind in _PLAIN_KINDS:
        if regions:
            raise ModelError(f"bedrock_model_regions is for inference profiles, and {model_id} is none: leave it off")
        return Model(arn)
    profile = _PROFILE_ID.fullmatch(name) if kind == "inference-profile" else None
    if profile is None:
        raise ModelError(
            f"bedrock_model_id {model_id!r} is not supported: give a model's id (provider.model-v1:0), the id of a "
            "system-defined inference profile (us.provider.model-v1:0), or the ARN of either or of a provisioned model"
        )
    if not regions:
        raise ModelError(
            f"{model_id} is an inference profile, and needs bedrock_model_regions, those it sends requests to: see "
            f"aws bedrock get-inference-profile --inference-profile-identifier {name}"
        )
    model = f"foundation-model/{profile[2]}"
    underlying = [f"arn:{partition}:bedrock:{each}::{model}" for each in regions]
    if profile[1] == _GLOBAL:
        underlying.append(f"arn:{partition}:bedrock:::{model}")
    return Model(arn, tuple(underlying))


def _parts(model_id: str) -> tuple[str, str, str, str]:
    """Partition, region, account and resource; the stack's own for an id that is not an ARN."""
    if arn := _ARN.fullmatch(model_id):
        return arn[1], arn[2], arn[3] or "", f"{arn[4]}/{arn[5]}"
    if _PROFILE_ID.fullmatch(model_id):
        return Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID, f"inference-profile/{model_id}"
    if _FOUNDATION_ID.fullmatch(model_id):
        return Aws.PARTITION, Aws.REGION, "", f"foundation-model/{model_id}"
    return Aws.PARTITION, Aws.REGION, "", model_id
