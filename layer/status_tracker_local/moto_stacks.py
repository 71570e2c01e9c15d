"""What moto leaves undone when a stack cannot be made or changed as its template says."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.utilities.utils import get_partition

from status_tracker_local.moto_custom_resources import delete_custom_resources, is_custom


def mend_stacks() -> None:
    """Have stacks made, changed and refused as CloudFormation does."""
    name_what_fails()
    take_back_what_fails()
    forget_what_is_removed()
    change_nested_stacks()
    update_inline_code()


def take_back_what_fails() -> None:
    """Moto keeps the new template of a change that failed, and the stack that it could not make.

    The caller that tries again then hears that nothing is to be changed. Here all is put back as well as it can be,
    and the caller is told why.
    """
    create, update = CloudFormationBackend.create_stack, CloudFormationBackend.update_stack

    def create_stack(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> Stack:
        known, exports = {*self.stacks}, {*self.exports}
        try:
            with _telling():
                return create(self, *args, **kwargs)
        except CloudFormationError:
            for stack_id in self.stacks.keys() - known:
                with suppress(Exception):
                    self.stacks[stack_id].delete()
                self.stacks.pop(stack_id, None)
            for name in self.exports.keys() - exports:
                del self.exports[name]
            raise

    def update_stack(self: CloudFormationBackend, name: str, *args: Any, **kwargs: Any) -> Stack:
        stack = self.get_stack(name)
        # A stack that was made before there were exports has looked at another mapping since.
        stack.cross_stack_resources = stack.resource_map.cross_stack_resources = self.exports
        before = (stack.template, stack.template_dict, stack.resource_map.input_parameters)
        try:
            with _telling():
                update(self, name, *args, **kwargs)
                _export(self, stack)
        except CloudFormationError:
            _put_back(stack, *before)
            raise
        return stack

    CloudFormationBackend.create_stack = create_stack  # type: ignore[method-assign]
    CloudFormationBackend.update_stack = update_stack  # type: ignore[method-assign]


def _export(backend: CloudFormationBackend, stack: Stack) -> None:
    """Moto exports what a stack exports when it is made, and nothing that is added later."""
    for name in [name for name, each in backend.exports.items() if each.exporting_stack_id == stack.stack_id]:
        del backend.exports[name]
    backend.exports.update({each.name: each for each in stack.exports})


@contextmanager
def _telling(of: str = "") -> Iterator[None]:
    """Has the caller told what went wrong, instead of an error of the server, upon which it would try again."""
    try:
        yield
    except CloudFormationError:
        raise
    except Exception as error:
        raise ValidationError(message=f"{of}{type(error).__name__}: {error}") from error


def name_what_fails() -> None:
    """Moto does not tell which resource it could not make or change."""
    for step in ("parse_and_create_resource", "parse_and_update_resource"):
        setattr(parsing, step, _named(getattr(parsing, step)))


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    def named(logical_id: str, resource_json: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        with _telling(f"{logical_id} ({resource_json['Type']}): "):
            return original(logical_id, resource_json, *args, **kwargs)

    return named


def _put_back(stack: Stack, template: Any, content: dict[str, Any], parameters: dict[str, Any]) -> None:
    stack.template, stack.template_dict = template, content
    with suppress(Exception):
        stack.resource_map.update(content, parameters)
    resources: Any = stack.resource_map
    resources._template, resources._resource_json_map = content, content["Resources"]
    resources.input_parameters = parameters


def forget_what_is_removed() -> None:
    """Moto remembers a resource that an update has removed, and does not make it when it is there again.

    Custom resources go first, while their functions are there; those that are changed come last, with their functions
    as they are then.
    """
    original, delete_all, compare = ResourceMap.update, ResourceMap.delete, ResourceMap.build_resource_diff

    def update(self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        before = self._resource_json_map
        try:
            delete_custom_resources(self, before.keys() - template["Resources"].keys())
            original(self, template, parameters)
        finally:
            for name in before.keys() - self._resource_json_map.keys():
                self._parsed_resources.pop(name, None)

    def delete(self: Any) -> None:
        kept = {name for name, each in self._resource_json_map.items() if each.get("DeletionPolicy") == "Retain"}
        delete_custom_resources(self, self._resource_json_map.keys() - kept)
        delete_all(self)

    def build_resource_diff(self: Any, template: dict[str, Any], *args: Any) -> dict[str, Any]:
        changes = compare(self, template, *args)
        changes["Modify"].sort(key=lambda name: is_custom(template["Resources"][name]["Type"]))
        return changes

    ResourceMap.update = update  # type: ignore[method-assign]
    ResourceMap.delete = delete  # type: ignore[method-assign]
    ResourceMap.build_resource_diff = build_resource_diff  # type: ignore[assignment, method-assign]


def change_nested_stacks() -> None:
    """Moto deletes a nested stack that changes, with what its tables and buckets hold, and knows no outputs of it."""

    def update(
        cls: Any,  # noqa: ARG001
        /,
        original_resource: Stack,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Stack:
        properties = cloudformation_json["Properties"]
        template = get_stack_from_s3_url(properties["TemplateURL"], account_id, get_partition(region_name))
        parameters = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in properties.get("Parameters", {}).items()
        ]
        backend = cloudformation_backends[account_id][region_name]
        return backend.update_stack(original_resource.stack_id, template, None, parameters, None)

    def get_attribute(self: Stack, name: str) -> Any:
        output = self.output_map[name.removeprefix("Outputs.")]
        return output.value if output else None

    model: Any = Stack
    model.update_from_cloudformation_json = classmethod(update)
    model.get_cfn_attribute = get_attribute


def update_inline_code() -> None:
    """Moto takes code that stands in a template for a zip file when it changes."""

    def update(cls: Any, /, original_resource: LambdaFunction, **kwargs: Any) -> LambdaFunction:
        properties: Mapping[str, Any] = kwargs["cloudformation_json"]["Properties"]
        code = dict(properties["Code"])
        if "ZipFile" in code:
            code["ZipFile"] = base64.b64encode(cls._create_zipfile_from_plaintext_code(code["ZipFile"]))
        original_resource.update_configuration(properties)  # type: ignore[arg-type]
        original_resource.update_function_code(code)
        return original_resource

    model: Any = LambdaFunction
    model.update_from_cloudformation_json = classmethod(update)
