"""Whether policies allow what is asked for, and if not, why.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html, within one account.
"""

from collections.abc import Mapping, Sequence

from status_tracker_local.permissions.asks import Ask, Principal, Service
from status_tracker_local.permissions.policies import Policy, Statement, statements_of

# On AWS every request comes by TLS. The local endpoint has none, and stands for one that has.
_EVERY_REQUEST = {"aws:securetransport": "true", "s3:tlsversion": "1.3"}
_ONLY_BY_ITS_OWN_POLICY = ("kms:", "sts:AssumeRole")
"""What a resource's own policy has to allow, whatever the identity's policies say."""


def why_refused(ask: Ask, principal: Principal, own: Sequence[Policy], resources: Sequence[Policy]) -> str | None:
    """Why the policies do not allow it; None when they do.

    Args:
        own: the policies of the principal.
        resources: the policies of the resource.
    """
    context = {**_EVERY_REQUEST, **principal.context, **{key.lower(): value for key, value in ask.context}}
    of_resource = [each for each in statements_of(resources) if each.covers(ask, context)]
    of_principal = [each for each in statements_of(own) if each.covers(ask, context)]
    for each in of_principal:
        if not each.allows:
            return f"with an explicit deny in an identity-based policy: {each.where}"
    for each in of_resource:
        if not each.allows and (each.applies_to(principal) or each.applies_to_account_of(principal)):
            return f"with an explicit deny in a resource-based policy: {each.where}"
    if any(each.allows and each.applies_to(principal) for each in of_resource):
        return None
    if isinstance(principal, Service):
        return _lacking("resource-based", ask, resources, context)
    if ask.action.startswith(_ONLY_BY_ITS_OWN_POLICY) and not any(
        each.allows and each.applies_to_account_of(principal) for each in of_resource
    ):
        return _lacking("resource-based", ask, resources, context)
    return None if of_principal else _lacking("identity-based", ask, own, context)


def _lacking(kind: str, ask: Ask, policies: Sequence[Policy], context: Mapping[str, str]) -> str:
    """That no policy allows it, and which one comes nearest."""
    said = f"because no {kind} policy allows the {ask.action} action"
    named = [each for each in statements_of(policies) if each.allows and each.names_action(ask)]
    if near := next((each for each in named if each.names_resource(ask)), None):
        return f"{said} ({near.where}, allows it, but {_unmet(near, context)})"
    if named:
        resources = ", ".join(named[0].resources or ())
        return f"{said} ({named[0].where}, allows it, but only on {resources})"
    names = ", ".join(policy.name for policy in policies) or "none"
    return f"{said} (its policies: {names})"


def _unmet(statement: Statement, context: Mapping[str, str]) -> str:
    unmet = next((each for each in statement.conditions if not each.holds(context)), None)
    if unmet is None:
        return "to other principals"
    return f"its condition on {unmet.key} is not met, which is {context.get(unmet.key, 'absent')}"
