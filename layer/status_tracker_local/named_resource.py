"""What the resources of CloudFormation that have a name and an ARN share."""

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException


class NamedResource:
    """Put this before moto's classes. ``Ref`` gives the name, ``Fn::GetAtt`` the ARN and nothing else."""

    name: str

    @property
    def cfn_arn(self) -> str:
        """The ARN."""
        raise NotImplementedError

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What ``Fn::GetAtt`` gives."""
        if attribute_name != "Arn":
            raise UnformattedGetAttTemplateException
        return self.cfn_arn

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self.name
