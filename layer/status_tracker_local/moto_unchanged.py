"""Changes that moto does not carry out: those of tables are made here, of other types the resource stays as it was."""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from status_tracker_local.assembly import construct_path

Properties = Mapping[str, Any]

_CHANGED_HERE = {
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions",
        "BillingMode",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "PointInTimeRecoverySpecification",
        "ProvisionedThroughput",
        "StreamSpecification",
        "Tags",
        "TimeToLiveSpecification",
    }
}
"""By the type of a resource: of which properties a change is carried out."""


def keep_what_cannot_be_changed() -> None:
    """An update of a type without support for updates loses the resource; here it stays, and what it was made with."""
    change, update_all = parsing.parse_and_update_resource, ResourceMap.update

    def update_one(
        logical_id: str, resource_json: dict[str, Any], resources_map: Any, *args: Any, **kwargs: Any
    ) -> Any:
        updated: Any = change(logical_id, resource_json, resources_map, *args, **kwargs)
        return resources_map[logical_id] if updated is None else updated

    def update(self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        made_with = _made_with(self)
        for name, resource in self._resource_json_map.items():
            made_with.setdefault(name, resource.get("Properties", {}))
        update_all(self, template, parameters)
        for name in made_with.keys() - template["Resources"].keys():
            del made_with[name]

    parsing.parse_and_update_resource = update_one
    ResourceMap.update = update  # type: ignore[method-assign]


def unchanged(resources: ResourceMap) -> Iterator[str]:
    """Of which resources a property is not as in the template, since its change could not be carried out."""
    for name, resource in resources._resource_json_map.items():
        made_with, wanted = _made_with(resources).get(name), resource.get("Properties", {})
        if made_with is None or not _stays(resource["Type"]):
            continue
        differing = {each for each in {*made_with, *wanted} if made_with.get(each) != wanted.get(each)}
        if kept := sorted(differing - _CHANGED_HERE.get(resource["Type"], set())):
            yield f"{', '.join(kept)} of {construct_path(name, resource)} ({resource['Type']})"


def _made_with(resources: Any) -> dict[str, Properties]:
    """The properties with which each resource was made, once the stack has been updated."""
    made_with: dict[str, Properties] = resources.__dict__.setdefault("made_with", {})
    return made_with


def _stays(resource_type: str) -> bool:
    model = parsing.get_model_map().get(resource_type)
    if model is None:
        return False
    return resource_type in _CHANGED_HERE or hasattr(model.update_from_cloudformation_json, "__isabstractmethod__")


def change_tables() -> None:
    """CloudFormation drops whatever changes of a table."""

    def update(cls: Any, /, original_resource: Table, cloudformation_json: dict[str, Any], **_: Any) -> Table:  # noqa: ARG001
        properties = cloudformation_json["Properties"]
        _change_table(original_resource, properties)
        set_recovery_and_time_to_live(original_resource, properties)
        return original_resource

    model: Any = Table
    model.update_from_cloudformation_json = classmethod(update)


def _change_table(table: Table, properties: Properties) -> None:
    before = {each.name for each in table.global_indexes}
    wanted = {each["IndexName"]: each for each in properties.get("GlobalSecondaryIndexes", [])}
    dynamodb_backends[table.account_id][table.region_name].update_table(
        table.name,
        attr_definitions=properties["AttributeDefinitions"],
        global_index=[
            *({"Delete": {"IndexName": name}} for name in before - wanted.keys()),
            *({"Update" if name in before else "Create": index} for name, index in wanted.items()),
        ],
        throughput=properties.get("ProvisionedThroughput", {}),
        billing_mode=properties.get("BillingMode", "PROVISIONED"),
        stream_spec={},
        deletion_protection_enabled=bool(properties.get("DeletionProtectionEnabled")),
        warm_throughput=None,
    )
    table.tags = properties.get("Tags", [])
    stream = properties.get("StreamSpecification") or {}
    if stream.get("StreamViewType") != (table.stream_specification or {}).get("StreamViewType"):
        table.set_stream_specification(dict(stream))


def set_recovery_and_time_to_live(table: Table, properties: Properties) -> None:
    """What CloudFormation drops of a table when it creates it."""
    backend = dynamodb_backends[table.account_id][table.region_name]
    recovery = properties.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
    backend.update_continuous_backups(table.name, recovery)
    attribute = table.ttl.get("AttributeName", "")
    backend.update_time_to_live(
        table.name, properties.get("TimeToLiveSpecification") or {"AttributeName": attribute, "Enabled": False}
    )
